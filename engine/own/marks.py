"""What a file marks its functions with: replaces, step_at, checker. A mark only notes; engine.own.file reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.core.compiled import F

REPLACES, STEP, CHECKER = "replaces", "step", "checker"


@dataclass(frozen=True, slots=True)
class Mark:
    """label, words, when: of a step of one's own; when: a function that says whether the step may be taken."""

    kind: str
    label: Any = None
    words: Any = ""
    when: Any = None


def _marked(function: F, mark: Mark) -> F:
    function.__own_mark__ = mark  # type: ignore[attr-defined]
    return function


def replaces(function: F) -> F:
    """This function takes the place of the engine's function of the same name, wherever the engine calls it.

    Inside it, the engine's function, imported under another name, is still what it was.
    """
    return _marked(function, Mark(REPLACES))


def step_at(label: int, words: str, when: Callable[..., bool] | None = None) -> Callable[[F], F]:
    """This function is the step at `label` (OWN_1 to OWN_16), which `words` say in lanes and reports.

    when(topo, prog, st, t): whether what the step waits for, such as a lock, is there.
    """
    return lambda function: _marked(function, Mark(STEP, label, words, when))


def checker(function: F) -> F:
    """This function (topo, prog, st, t) looks on after every step: False is a violation. Its docstring says of what."""
    return _marked(function, Mark(CHECKER))


def mark_of(value: object) -> Mark | None:
    """What a value of a file is marked as."""
    mark = getattr(value, "__own_mark__", None)
    return mark if isinstance(mark, Mark) else None
