"""A copy of a graph of functions with some replaced: who calls what, what is shared, what stays as it was."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from percpu_fuzz.engine.core.compiled import compiled, plain_value
from percpu_fuzz.engine.own.graft import Graft


@compiled
def leaf(x: int) -> int:
    return x + 1


@compiled
def other(x: int) -> int:
    return x * 2


@compiled
def middle(x: int) -> int:
    return leaf(x) + other(x)


@compiled
def top(x: int) -> int:
    return middle(x) * 100 + leaf(x)


def own_leaf(x: int) -> int:
    """Calls what it replaces, which inside it is what it was."""
    return leaf(x) * 10


def graft() -> Graft:
    """leaf replaced by own_leaf, as plain Python."""
    replaced: Any = {py(leaf): own_leaf}
    return Graft(replaced, frozenset({own_leaf}), lambda copy, _: copy, lambda function: py(function), plain_value)


def py(function: Any) -> FunctionType:
    made: FunctionType = function.py_func
    return made


def test_every_caller_calls_what_was_put_in_its_place() -> None:
    """Directly and through another function; the engine's own function is what it was inside its replacement."""
    leaf_of = graft().of(leaf)
    assert leaf_of(1) == 20
    assert graft().of(top)(1) == (20 + 2) * 100 + 20


def test_the_graph_itself_stays() -> None:
    """The functions of the engine call each other as before."""
    graft().of(top)
    assert py(middle).__globals__["leaf"] is leaf


def test_what_reaches_nothing_that_was_replaced_is_shared() -> None:
    """A function without a replaced one below it is no copy; one with is."""
    found = graft()
    assert found.of(other) is py(other)
    assert found.of(middle) is not py(middle)
    assert found.of(middle) is found.of(middle)
