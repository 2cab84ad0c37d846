"""An interleaving as values: a line a step, what the step changed and which invariants it broke.

The values stand here, below all that draws them: fuzz/findings/lanes.py makes them from a replay, which reports may not
import, and the engine, which both may, has no use for them. A campaign stores them with its findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from percpu_fuzz.engine.core.labels import STEP_WORDS


class Change(msgspec.Struct, frozen=True):
    """A figure before and after a step; None where the thing that has it was not there."""

    name: str
    old: int | None
    new: int | None

    @property
    def is_pointer(self) -> bool:
        """Whether the figure says which objcg or memcg something points at, and is no amount."""
        return self.name.endswith(" -> memcg") or " objcg[" in self.name

    @property
    def values(self) -> str:
        """old -> new; - for none, NULL for a pointer to nothing."""
        return f"{self._shown(self.old)} -> {self._shown(self.new)}"

    def __str__(self) -> str:
        return f"{self.name}: {self.values}"

    def _shown(self, value: int | None) -> str:
        return "-" if value is None else "NULL" if self.is_pointer and value < 0 else str(value)


class Broken(msgspec.Struct, frozen=True):
    """An invariant that a step broke: what was expected, and what was found."""

    invariant: str
    expected: int
    found: int


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step: number in the case from 1, acting CPU, who stepped ("task 0"), at which label, and what came of it.

    own_words: what a step of a user's own file says of itself.
    """

    step: int
    cpu: int
    who: str
    label: str
    changes: tuple[Change, ...] = ()
    broken: tuple[Broken, ...] = ()
    own_words: str = ""

    @property
    def words(self) -> str:
        """What the step does, in a few words."""
        return self.own_words or STEP_WORDS.get(self.label, self.label)


def stored_lines(row: Mapping[str, Any]) -> tuple[Line, ...]:
    """The lines that a finding's row in a store holds."""
    return msgspec.convert(row.get("steps", ()), tuple[Line, ...])
