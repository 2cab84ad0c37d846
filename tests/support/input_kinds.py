"""Every kind of file that the product reads, as files that it accepts and the command that reads them."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from places import DATA

from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.fuzz.store.store import TABLES
from percpu_fuzz.strategies.draw.topologies import preset

MACHINES, RECORDED = DATA / "machines", DATA / "recorded" / "r11-2node-small-6.1"
GIVEN = ("--possible-nodes", "0-2", "--possible-cpus", "0-7", "--page-size", "4096")
TWO_NODES = (str(MACHINES / "hwloc-v1.xml"), "--possible-nodes", "0-1", "--possible-cpus", "0-4")
TRACE_LINES, FIRST_TICKS = 1220, 12 * 10**9


@dataclass(frozen=True)
class InputKind:
    """seeds: contents that are accepted; command: the arguments that read a file; file: its name.

    One that is a store's value goes into a campaign.db of its own. turns: how often it comes in a round of all; what
    takes ten times as long comes once, as most of the time would go there.
    """

    seeds: Sequence[bytes]
    command: Callable[[Path], list[str]]
    file: str = "input"
    is_value: bool = False
    turns: int = 8


def trace_head() -> bytes:
    """The first lines of a recorded trace, up to its second snapshot."""
    with gzip.open(RECORDED / "percpu.trace.gz", "rb") as file:
        return b"".join(file.readline() for _ in range(TRACE_LINES))


def unpacked_of(name: str) -> bytes:
    return gzip.decompress((RECORDED / name).read_bytes())


def placement_head() -> bytes:
    """The first pages of a recorded placement, at times of the trace's head."""
    placement = json.loads(unpacked_of("placement.json.gz"))
    events = [event | {"t": FIRST_TICKS + 10**9 * i} for i, event in enumerate(placement["events"][:10])]
    return json.dumps(placement | {"events": events}).encode()


def hook_head() -> bytes:
    """The first records of a patched kernel's hooks."""
    path = DATA / "recorded" / "patched-hooks" / "tup-p6-n2.jsonl.gz"
    return b"\n".join(gzip.decompress(path.read_bytes()).split(b"\n")[:20]) + b"\n"


CONFIGURATION = b"""[run]
workers = 2
hunt = 0.5
report = ["junit", "jsonl"]
faults = "populate=0.1"
[profile.night]
time = 28800.5
seed = "0123456789abcdef"
"""
ROW = Outcome(
    "measurement", 0, "two-node", 10, 100, 1, {"waste_pages": {0: 5, 3: 5}}, {"alloc": 20, "probe.success": 10},
    {Signature("I8", "v2", "RL_NODE", (1, 2)): 1}, {Signature("I8", "v2", "RL_NODE", (1, 2)): (3,)}, {7: 1}, (1, 2),
)  # fmt: skip
VALUES: dict[str, object] = {
    "given": {"variant": "v2", "seed": "3", "topology": "two-node", "cases": "10"},
    "describe": {"variant": "v2", "seed": 3, "families": {"two-node": 1}},
    "command": "percpu-fuzz run --variant v2 --seed 3",
    "findings": [{
        "file": "findings/001-I8-v2.json", "stream": "measurement", "k": 0, "case": 3, "invariant": "I8",
        "variant": "v2", "label": "RL_NODE", "hazards": [1, 2], "shape": "s", "alike": 1, "invariants": ["I8"],
        "explanation": ["a line"], "nodes": [{"node": 0, "bytes": 64, "pages": 1, "page_size": 4096}],
    }],
    "failed": [{
        "stream": "hunting", "k": 3, "case": None, "cases": 10, "tries": ["died of SIGSEGV"], "traceback": "",
    }],
    "ran": {"seconds": 1.5, "stopped_by": "cases", "workers": 2, "prefix": [1, 0], "shrunk": [1, 1]},
    "shard": [0, 1], "elapsed": 1.5, "exit": 1,
}  # fmt: skip


def write_store(folder: Path, values: dict[str, bytes], row: bytes) -> None:
    """A campaign.db of these values, as JSON or not, and one row."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "campaign.db").unlink(missing_ok=True)
    with sqlite3.connect(folder / "campaign.db") as connection:
        connection.executescript("PRAGMA synchronous = OFF;" + TABLES + "PRAGMA journal_mode = DELETE;")
        connection.execute("INSERT INTO batch VALUES ('measurement', 0, ?, 0.1)", (zlib.compress(row),))
        for key, text in values.items():
            connection.execute("INSERT INTO meta VALUES (?, ?)", (key, text.decode("utf-8", "replace")))
    connection.close()


def whole_store(folder: Path) -> bytes:
    """The bytes of a store that is accepted."""
    write_store(folder, {key: json.dumps(value).encode() for key, value in VALUES.items()}, ROW.canonical())
    return (folder / "campaign.db").read_bytes()


def machine_seeds() -> list[bytes]:
    """A machine in every format that needs no further answers."""
    names = ("qemu.sh",)
    files = [MACHINES / name for name in names] + [MACHINES / "one" / "sysfs.tar.gz"]
    recorded = [RECORDED / "topology.json", *(MACHINES / "runs").glob("*/topology.json")]
    return [dump_topology(preset("two-node")), *(path.read_bytes() for path in [*files, *recorded])]


def input_kinds(work: Path) -> dict[str, InputKind]:
    """By name. work: a folder for what the commands need beside the file."""
    trace, topology = work / "percpu.trace", RECORDED / "topology.json"
    trace.write_bytes(trace_head())
    read = ["trace", str(trace), "--topology", str(topology)]
    values = [key.encode() + b"\n" + json.dumps(value).encode() for key, value in VALUES.items()]
    scope = {
        "variant": "v2", "code": "0", "complete": True, "stopped": "", "states": 1, "terminal_states": 1,
        "violations": [], "collision_probability": 0.0, "reduction": "hash",
        "scope": {"name": "a", "words": "b", "machine": "c", "nodes": 1, "cpus": 1, "page_size": 4096, "programs": 1,
                  "programs_complete": 1},
    }  # fmt: skip
    return {
        "finding": InputKind(
            [path.read_bytes() for path in sorted((DATA / "findings").glob("*.json"))], lambda p: ["replay", str(p)]
        ),
        "machine": InputKind(machine_seeds(), lambda p: ["topology", "export", str(p)]),
        "hwloc": InputKind(
            [(MACHINES / "hwloc-v2.xml").read_bytes()],
            lambda p: ["topology", "import", str(p), "--possible-nodes", "0-2", "--possible-cpus", "0-2,32-34",
                       "--cpuless-nodes", "2"],
        ),
        "numactl": InputKind(
            [(MACHINES / "numactl.txt").read_bytes()], lambda p: ["topology", "import", str(p), *GIVEN]
        ),
        "zoneinfo": InputKind(
            [(MACHINES / "zoneinfo.txt").read_bytes()],
            lambda p: ["topology", "import", *TWO_NODES, "--zoneinfo", str(p)],
        ),
        "trace": InputKind([trace_head()], lambda p: ["convert", str(p), "--to", "perf", "-o", "/dev/null"], turns=1),
        "states": InputKind(
            [json.dumps(json.loads(unpacked_of("states.json.gz"))[:2]).encode()],
            lambda p: [*read, "--states", str(p)], turns=1,
        ),
        "placement": InputKind([placement_head()], lambda p: [*read, "--placement", str(p)]),
        "hooks": InputKind([hook_head()], lambda p: ["hooks", str(p), "--variant", "v2"]),
        "calibration": InputKind(
            [next(DATA.parents[1].glob("strategies/draw/**/calibration-recorded.json")).read_bytes()],
            lambda p: [*read, "--calibration", str(p)], turns=1,
        ),
        "configuration": InputKind(
            [CONFIGURATION], lambda p: ["run", "--config", str(p), "--topology", "none/such"], "a.toml"
        ),
        "scope": InputKind(
            [json.dumps(scope).encode()],
            lambda p: ["run", "--explored", str(p.parent), "--cases", "1"], "scope.json",
        ),
        "store": InputKind([whole_store(work / "whole")], lambda p: ["report", str(p.parent), "--format", "md"],
                           "campaign.db"),
        "value": InputKind([*values, b"row\n" + ROW.canonical()],
                           lambda p: ["report", str(p.parent), "--format", "md"], "campaign.db", is_value=True),
    }  # fmt: skip
