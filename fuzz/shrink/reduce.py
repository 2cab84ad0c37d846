"""Delta debugging over lists: leave out ever smaller parts while the failure stays.

Zeller and Hildebrandt: "Simplifying and isolating failure-inducing input", TSE 2002, section 3; complements only, and
the granularity is not reset after a success, as shorter lists are reached by the next round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def reduced(items: Sequence[T], still_fails: Callable[[list[T]], bool]) -> list[T]:
    """A sublist that still fails and from which no single item can be left out (1-minimal)."""
    kept = list(items)
    if kept and still_fails([]):
        return []
    part = max(1, len(kept) // 2)
    while True:
        start, removed = 0, False
        while start < len(kept):
            shorter = kept[:start] + kept[start + part :]
            if len(shorter) < len(kept) and still_fails(shorter):
                kept, removed = shorter, True
            else:
                start += part
        if part > 1:
            part = max(1, part // 2)
        elif not removed:
            return kept
