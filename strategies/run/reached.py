"""What of the modelled kernel a sample of cases reaches: every step, and both sides of every branch of engine/kernel.

In plain mode: the conditions of the kernel's functions are wrapped, in this process and for a while, so that each tells
which way it went. Conditions are `if`, `while` and the conditional expression; a place is a function and the number of
its condition from the top.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from percpu_fuzz.engine import kernel
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.labels import MODEL_NAMES, NAMES

SIDE = "side_"  # the name of the recorder in a wrapped function
NEVER, ONLY_TRUE, ONLY_FALSE, BOTH = range(4)


@dataclass(frozen=True, slots=True, order=True)
class Condition:
    """Condition `number` of a function of engine/kernel, as it is written."""

    module: str
    function: str
    number: int
    words: str

    def __str__(self) -> str:
        return f"{self.module}.{self.function}, condition {self.number}: {self.words}"


@dataclass(slots=True)
class Reached:
    """steps: how often each label's step was taken. sides[c]: bit 0 if condition c was ever false, bit 1 if true."""

    conditions: list[Condition] = field(default_factory=list)
    sides: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=lambda: [0] * len(NAMES))
    cases: int = 0

    def side(self, number: int, value: Any) -> Any:
        """Condition `number` has this value, which is passed on."""
        self.sides[number] |= 2 if value else 1
        return value

    def never(self) -> list[str]:
        """What was not reached: steps, then sides of conditions."""
        missing = [f"step {name}" for name, times in zip(MODEL_NAMES, self.steps, strict=False) if not times]
        for condition, sides in sorted(zip(self.conditions, self.sides, strict=True)):
            if sides != BOTH:
                way = "never asked" if sides == NEVER else "never true" if sides == 1 else "never false"
                missing.append(f"{condition} is {way}")
        return missing


class _Wrapping(ast.NodeTransformer):
    """Wraps the conditions of one function, from the top."""

    def __init__(self, module: str, function: str, reached: Reached) -> None:
        self.module, self.function, self.reached = module, function, reached
        self.number = 0

    def _wrapped(self, node: Any) -> Any:
        self.number += 1
        self.reached.conditions.append(Condition(self.module, self.function, self.number, ast.unparse(node.test)))
        self.reached.sides.append(NEVER)
        place = ast.Constant(len(self.reached.sides) - 1)
        node.test = ast.Call(ast.Name(SIDE, ast.Load()), [place, node.test], [])
        return self.generic_visit(node)

    visit_If = visit_While = visit_IfExp = _wrapped  # noqa: N815 - ast's names


def kernel_functions() -> Iterator[tuple[str, Any]]:
    """(module, function) of every compiled function of engine/kernel, in the order of the files and their lines."""
    for info in iter_modules(kernel.__path__):
        module = import_module(f"{kernel.__name__}.{info.name}")
        for function in vars(module).values():
            if hasattr(function, "py_func") and function.py_func.__module__ == module.__name__:
                yield info.name, function


def wrapped_code(module: str, function: Any, reached: Reached) -> Any:
    """The code of a function with its conditions wrapped."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function.py_func)))
    definition: Any = tree.body[0]
    definition.decorator_list = []
    _Wrapping(module, definition.name, reached).visit(definition)
    scope: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), f"<{module}>", "exec"), {}, scope)  # our own source
    return scope[definition.name].__code__


@contextlib.contextmanager
def counting() -> Iterator[Reached]:
    """What plain runs reach from here to the end of the context."""
    reached = Reached()
    before: list[tuple[Any, Any]] = []
    for module, function in kernel_functions():
        twin: Any = plain(function)
        code = wrapped_code(module, function, reached)
        twin.__globals__[SIDE] = reached.side
        before.append((twin, twin.__code__))
        twin.__code__ = code
    try:
        yield reached
    finally:
        for twin, code in before:
            twin.__code__ = code


def note_case_steps(reached: Reached, labels: Iterator[int]) -> None:
    """A case, step by step: the labels of its steps as they are taken."""
    for label in labels:
        reached.steps[label] += 1
    reached.cases += 1
