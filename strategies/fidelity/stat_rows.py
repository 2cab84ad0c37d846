"""Rows of memory.stat: one cgroup's percpu line in one snapshot, as the kernel showed it and as the engine has it.

A reader of 6.12 flushes only when enough has changed, so a row may have the value of an earlier snapshot, exact to the
byte, until the next flush. Such a row lags: it is no difference between kernel and engine; anything else that differs
is.

Not every row can be told from a trace. A cgroup without its mark, or whose parent has none, hangs below the root in the
engine. As long as it holds bytes, rows of cgroups that may be its ancestors cannot be told; its own row and the root's
cannot at all if it may be older than the trace.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from percpu_fuzz.strategies.trace.operations import ROOT
from percpu_fuzz.strategies.trace.states import Snapshot


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


class ComparableRows:
    """Grows with the replay; `rows` says in the end what could be compared, `left_out` what could not."""

    def __init__(self, snapshots: tuple[Snapshot, ...]) -> None:
        self.to_come: dict[str, deque[Snapshot]] = {}
        for snapshot in snapshots:
            self.to_come.setdefault(snapshot.phase, deque()).append(snapshot)
        self.path_of = {row.ino: path for snapshot in snapshots for path, row in snapshot.cgroups.items()}
        self.unmarked: set[int] = set()
        self.orphans: dict[int, str | None] = {}  # path of each cgroup of unknown parent, None if nobody says
        self.compared: list[tuple[int, StatRow]] = []
        self.left_out: Counter[str] = Counter()

    def made(self, cg: int) -> None:
        """A mark creates this cgroup: whatever had its number before is gone."""
        self.unmarked.discard(cg)
        self.orphans.pop(cg, None)

    def without_parent(self, cg: int, path: str) -> None:
        self.orphans[cg] = path
        self.left_out["cgroups_of_unknown_parent"] += 1

    def without_mark(self, cg: int) -> None:
        self.unmarked.add(cg)
        self.without_parent(cg, "")
        self.orphans[cg] = self.path_of.get(cg)

    def snapshot(self, name: str, held_bytes: dict[int, int]) -> None:
        """The next snapshot of this name, with the bytes that each cgroup of the engine holds."""
        if not self.to_come.get(name):
            self.left_out["phases_without_snapshot"] += bool(self.path_of)
            return
        hidden = [path for cg, path in self.orphans.items() if held_bytes.get(cg)]
        for path, row in self.to_come[name].popleft().cgroups.items():
            if row.ino not in held_bytes or row.ino in self.unmarked:
                self.left_out["rows_of_unknown_cgroups"] += 1
            elif row.ino != ROOT and any(below is None or below.startswith(f"{path}/") for below in hidden):
                self.left_out["rows_not_observable"] += 1
            else:
                self.compared.append((row.ino, StatRow(name, path, row.percpu_bytes, held_bytes[row.ino])))

    def rows(self, began_late: bool) -> list[StatRow]:
        """Rows that can be compared. began_late: areas were freed that were charged before the trace."""
        self.left_out["phases_never_seen"] = sum(map(len, self.to_come.values()))
        unknown_root = began_late or self.left_out["cgroups_of_unknown_parent"] > 0
        found = [row for ino, row in self.compared if ino != ROOT or not unknown_root]
        self.left_out["rows_not_observable"] += len(self.compared) - len(found)
        return found
