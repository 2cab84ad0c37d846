"""StatRow: one cgroup's percpu line of memory.stat in one snapshot, as the kernel showed it and as the engine has it.

A reader of 6.12 flushes only when enough has changed, so a row may have the value of an earlier snapshot, exact to the
byte, until the next flush. Such a row lags: it is no difference between kernel and engine; anything else that differs
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatRow:
    """percpu bytes of one cgroup, with all below it, in one snapshot."""

    phase: str
    path: str
    kernel_bytes: int
    engine_bytes: int

    @property
    def difference_bytes(self) -> int:
        return abs(self.kernel_bytes - self.engine_bytes)


def lagging(rows: Sequence[StatRow]) -> list[bool]:
    """For each row, in the order of the snapshots: does it differ only because the kernel lagged?

    Its value is the one that the cgroup had at an earlier snapshot, none before the last flush that the cgroup's rows
    show, and the cgroup's next row is right, or lags too and is followed by one that is right in the end. A lag that
    never ends is not excused.
    """
    by_path: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        by_path.setdefault(row.path, []).append(i)
    excused = [False] * len(rows)
    for places in by_path.values():
        stale = _stale([rows[i] for i in places])
        caught_up = False
        for i, is_stale in zip(reversed(places), reversed(stale), strict=True):
            excused[i] = is_stale and caught_up
            caught_up = excused[i] or rows[i].kernel_bytes == rows[i].engine_bytes
    return excused


def _stale(rows: list[StatRow]) -> list[bool]:
    """For one cgroup's rows: has it the value of an earlier snapshot, from the last flush on?"""
    flushed, found = 0, []
    for i, row in enumerate(rows):
        if row.kernel_bytes == row.engine_bytes:
            flushed = i
            found.append(False)
            continue
        times = [j for j in range(flushed, i) if rows[j].engine_bytes == row.kernel_bytes]
        flushed = times[-1] if times else flushed
        found.append(bool(times))
    return found
