"""ComparableRows: which rows of memory.stat a trace can tell, and the engine's figures beside the kernel's.

A cgroup without its mark, or whose parent has none, hangs below the root in the engine. As long as it holds bytes, rows
of cgroups that may be its ancestors cannot be told; its own row and the root's cannot at all if it may be older than
the trace.
"""

from __future__ import annotations

from collections import Counter, deque

from percpu_fuzz.strategies.fidelity.stat_rows import StatRow
from percpu_fuzz.strategies.trace.operations import ROOT
from percpu_fuzz.strategies.trace.states import Snapshot


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
