"""Lag: rows of memory.stat that a kernel showed before it had flushed its counters.

A reader of 6.12 flushes only when enough has changed, so a row may have the value of an earlier snapshot, exact to
the byte, until the next flush. Such a row is no difference between kernel and engine; anything else that differs is.
"""

from __future__ import annotations

from collections.abc import Sequence

from percpu_fuzz.strategies.fidelity.rows import Row


def lagging(rows: Sequence[Row]) -> list[bool]:
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


def _stale(rows: list[Row]) -> list[bool]:
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
