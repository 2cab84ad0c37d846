"""Reads states.json: snapshots of every cgroup's memory.stat, in the order in which they were taken.

In the recorded runs the workers stand still while a snapshot is read: no charged area comes or goes between its two
marks, so that rows may be compared with either. A row on 6.12 can lag: it then has the value of an earlier snapshot,
exact to the byte, until the kernel flushes the counters again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from percpu_fuzz.strategies.reading import read_json

STATES_JSON = 'a list of {"phase", "cgroups": {path: {"ino", "memory.stat": {"percpu"}}}}, plain or gzip'


@dataclass(frozen=True, slots=True)
class CgroupRow:
    """One cgroup in one snapshot: inode number of its directory, and the percpu line of memory.stat in bytes.

    current_bytes is memory.current, None where it was not recorded (the root has none).
    """

    ino: int
    percpu_bytes: int
    current_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All cgroups at one phase, read one after the other between the marks SNAP-BEGIN and SNAP-END of that name."""

    phase: str
    cgroups: dict[str, CgroupRow]


class _Cgroup(msgspec.Struct):
    ino: int
    stat: dict[str, int] = msgspec.field(name="memory.stat", default_factory=dict)
    current: int | None = msgspec.field(name="memory.current", default=None)


class _State(msgspec.Struct):
    phase: str
    cgroups: dict[str, _Cgroup]


def import_states(path: Path) -> tuple[Snapshot, ...]:
    """Snapshots of a recorded run. Cgroups whose memory.stat has no percpu line (older kernels) are left out."""
    states = read_json(path, list[_State], STATES_JSON)
    return tuple(
        Snapshot(
            state.phase,
            {
                name: CgroupRow(c.ino, c.stat["percpu"], c.current)
                for name, c in state.cgroups.items()
                if "percpu" in c.stat
            },
        )
        for state in states
    )
