"""What engine.core.shortcuts keeps or finds faster is what numba itself would have answered."""

from __future__ import annotations

import operator
from itertools import product
from typing import Any

import numba
import pytest
from numba.core import ir
from numba.core.compiler import Flags, run_frontend
from numba.core.registry import cpu_target
from numba.core.targetconfig import TargetConfig
from numba.core.types import Function, Record, boolean, float64, int8, int64, literal, uint64

from percpu_fuzz.engine.core import shortcuts
from percpu_fuzz.engine.core.primitives import ceil_div

assert ceil_div.dispatcher  # the first takes the shortcuts
KINDS = (int64, int8, uint64, boolean, float64, literal(3))
OPERATORS = (operator.add, operator.sub, operator.floordiv, operator.lt, operator.eq, operator.mul, max, min)


def own(changed: Any) -> Any:
    """The function of numba that a shortcut goes back to."""
    [found] = [cell.cell_contents for cell in changed.__closure__ if callable(cell.cell_contents)]
    return found


@pytest.mark.parametrize("called", OPERATORS)
def test_call_types(called: Any) -> None:
    """For every pair of types an operator gives the signature that a fresh look gives, at the first use and later."""
    context: Any = cpu_target.typing_context
    context.refresh()
    function: Any = context.resolve_value_type(called)
    assert isinstance(function, Function)
    fresh = own(Function.get_call_type)
    for args in product(KINDS, KINDS):
        expected = fresh(function, context, args, {})
        assert function.get_call_type(context, args, {}) == expected
        assert function.get_call_type(context, args, {}) == expected


def test_a_call_without_a_type_fails_each_time() -> None:
    """What numba refuses is refused at the second use too."""
    context: Any = cpu_target.typing_context
    context.refresh()
    function: Any = context.resolve_value_type(operator.add)
    for _ in range(2):
        with pytest.raises(numba.TypingError):
            function.get_call_type(context, (int64, Record.make_c_struct([("a", int64)])), {})


def flags(**given: Any) -> Flags:
    made: Any = Flags()  # type: ignore[no-untyped-call]
    for name, value in given.items():
        setattr(made, name, value)
    return made  # type: ignore[no-any-return]


GIVEN = ({}, {"nrt": True}, {"nrt": False}, {"nrt": True, "debuginfo": False}, {"error_model": "numpy"})


@pytest.mark.parametrize(("one", "other"), list(product(GIVEN, GIVEN)))
def test_flags_are_equal_as_numba_says(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal or not as with all defaults filled in, which `nrt=False` is; and equal ones have equal hashes."""
    first, second = flags(**one), flags(**other)
    assert (first == second) == own(TargetConfig.__eq__)(first, second)
    if first == second:
        assert hash(first) == hash(second)
    assert first != 1


def sample(n, array):  # type: ignore[no-untyped-def]  # source for numba's front end
    total = 0
    for i in range(n):
        if array[i, 0] > max(n, 3):
            total += array[i, 1]
    return total, "text"


def test_variables_of_an_instruction() -> None:
    """The same variables in the same order for every instruction of a function."""
    whole = own(ir.Inst._rec_list_vars)
    instructions = [inst for block in run_frontend(sample).blocks.values() for inst in block.body]  # type: ignore[no-untyped-call]
    assert len(instructions) > 20
    found = [inst.list_vars() for inst in instructions]
    assert found == [whole(inst, inst.__dict__) for inst in instructions]
    assert any(len(variables) > 1 for variables in found)


def test_a_record_is_spelled_as_before() -> None:
    """The kept name is numba's, and another record's is another."""
    one, other = (Record.make_c_struct([(name, int64)]) for name in ("a", "b"))
    spell = own(Record.__repr__)
    for record in (one, other, one):
        assert repr(record) == spell(record)
    assert repr(one) != repr(other)


def test_every_shortcut_is_taken() -> None:
    """Control: numba's functions are the changed ones."""
    for changed in (Function.get_call_type, TargetConfig.__eq__, ir.Inst._rec_list_vars, Record.__repr__):
        assert changed.__module__ == shortcuts.__name__
