"""Reads snapshots of every cgroup's memory.stat, in order: states.json, or states.txt as the snapshot script prints it.

In the recorded runs the workers stand still while a snapshot is read: no charged area comes or goes between its two
marks, so that rows may be compared with either. A row on 6.12 can lag: it then has the value of an earlier snapshot,
exact to the byte, until the kernel flushes the counters again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import decode_json, read_bytes, text_of

STATES_TXT = "what snapshot.sh prints: SNAPSHOT, then CGROUP lines numbered from 1, then END"
CGROUP_LINE = re.compile(r"CGROUP (\d{1,7}) (\d{1,19}) (-|\d{1,18}) (-|\d{1,18}) (/.*)")
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
    """Snapshots of a recorded run, as states.json or as the snapshot script prints them.

    Cgroups whose memory.stat has no percpu line (older kernels) are left out.
    """
    data = read_bytes(path)
    if data.lstrip()[:8] == b"SNAPSHOT":
        return _snapshots_of_text(text_of(data, str(path)), str(path))
    states = decode_json(data, list[_State], str(path), STATES_JSON)
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


def _snapshots_of_text(text: str, where: str) -> tuple[Snapshot, ...]:
    """One snapshot after the other, each whole; InputError names the line that is not in its place."""
    found: list[Snapshot] = []
    phase, rows, count = None, dict[str, CgroupRow](), 0
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.rstrip().partition(" ")
        if word == "SNAPSHOT" and phase is None and rest:
            phase, rows, count = rest, {}, 0
        elif (row := CGROUP_LINE.fullmatch(line.rstrip())) and phase is not None and int(row[1]) == count + 1:
            count += 1
            if row[5] in rows:
                raise InputError(f"{where}, line {number}", f"cgroup {row[5][:80]!r} twice", STATES_TXT)
            if row[3] != "-":
                current = None if row[4] == "-" else int(row[4])
                rows[row[5]] = CgroupRow(int(row[2]), int(row[3]), current)
        elif word == "END" and phase is not None and rest == phase and count:
            found.append(Snapshot(phase, rows))
            phase = None
        elif line.strip():
            raise InputError(f"{where}, line {number}", repr(line.strip()[:80]), STATES_TXT)
    if phase is not None:
        raise InputError(where, f"snapshot {phase[:40]!r} breaks off", STATES_TXT)
    return tuple(found)
