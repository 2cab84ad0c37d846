"""What follows from declarations does what one would have written: the step at each label, and at no other."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import pytest

from percpu_fuzz.engine.case import step as stepping
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.derived import piece
from percpu_fuzz.engine.kernel.page_counter import uc_level
from percpu_fuzz.engine.kernel.page_stock import rs_body, rs_lock


def called_at(function: Any, label: int) -> list[str]:
    """Names of the functions that are called in the end at a label, with what: each writes itself down instead."""
    seen: list[str] = []

    def stand_in(name: str, target: Any) -> Any:
        if hasattr(target, "steps"):
            return of(target)
        return lambda *given: seen.append(f"{name}{given}")

    def of(target: Any) -> Any:
        scope = target.py_func.__globals__
        known = {name: scope[name] for name in target.py_func.__code__.co_names if name in scope}
        made = {name: stand_in(name, value) if callable(value) else value for name, value in known.items()}
        return FunctionType(target.py_func.__code__, made)

    of(function)("topo", "prog", "st", "t", label)
    return seen


def test_each_label_runs_its_one_step() -> None:
    """Of all labels of the model, the step that `steps` has, and of those of a user's own the hook with the label."""
    perform: Any = vars(stepping)["perform"]
    assert sorted(perform.steps) == list(range(labels.NR_MODEL))
    for label, function in perform.steps.items():
        (call,) = called_at(perform, label)
        assert call.startswith(f"{function.__name__}(")
    for label in range(labels.OWN_1, labels.OWN_16 + 1):
        assert called_at(perform, label) == [f"own_step('topo', 'prog', 'st', 't', {label})"]


def test_a_piece_calls_each_step_with_what_it_asks_for() -> None:
    """By name and by label; at a label of another piece nothing is called."""
    made = piece(rs_lock, UC_LEVEL=uc_level)
    assert called_at(made, labels.RS_LOCK) == ["rs_lock('topo', 'prog', 'st', 't')"]
    assert called_at(made, labels.UC_LEVEL) == ["uc_level('topo', 'prog', 'st', 't')"]
    assert called_at(made, labels.RS_BODY) == []


def test_a_function_without_a_label_is_no_step() -> None:
    """Its name has to be a label in small letters, or the label has to be given."""
    assert rs_body.__name__.upper() == "RS_BODY"
    with pytest.raises(AttributeError, match="SLIP_MATCH"):
        piece(slip_match)


def slip_match() -> None:
    """No step."""
