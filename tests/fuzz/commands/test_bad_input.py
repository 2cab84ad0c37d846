"""Bad input of every kind: exit status 2 and one line that says what was given, where, and what is allowed."""

from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from places import DATA

from percpu_fuzz.engine.program import Op, Program, Task
from percpu_fuzz.engine.scenario import Finding, Scenario, Switch, dump_finding
from percpu_fuzz.engine.topology_file import dump_topology
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.draw.topologies import preset

RECORDED = DATA / "recorded"


def topology_with(change: Callable[[dict[str, Any]], None]) -> bytes:
    """The two-node machine's file with one thing made wrong."""
    row = json.loads(dump_topology(preset("two-node")))
    change(row)
    return json.dumps(row).encode()


def scenario_with(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A good scenario file with one thing made wrong."""
    program = Program((Task(memcg=1, ops=(Op("alloc", memcg=1, size_bytes=64, align=8, gfp=1),)),))
    finding = Finding(Scenario(preset("two-node"), program, (Switch(0, "", 0),)), "v2", "I1")
    row = json.loads(dump_finding(finding))
    change(row)
    return json.dumps(row).encode()


def set_in(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    """A change that sets one value, found by keys and positions."""

    def change(row: dict[str, Any]) -> None:
        here: Any = row
        for key in path[:-1]:
            here = here[key]
        here[path[-1]] = to

    return change


def drop(key: str) -> Callable[[dict[str, Any]], None]:
    def change(row: dict[str, Any]) -> None:
        del row[key]

    return change


OPTIONS: dict[str, list[str]] = {
    "no command": ["frobnicate"],
    "unknown option": ["run", "--frob"],
    "option without value": ["run", "--seed"],
    "variant": ["run", "--variant", "v3"],
    "variant file missing": ["run", "--variant", "nowhere.py:x"],
    "variant with an empty name": ["run", "--variant", ""],
    "topology": ["run", "--topology", "nowhere"],
    "time text": ["run", "--time", "soon"],
    "time zero": ["run", "--time", "0"],
    "time negative": ["run", "--time", "-5"],
    "time infinite": ["run", "--time", "inf"],
    "cases text": ["run", "--cases", "many"],
    "cases zero": ["run", "--cases", "0"],
    "cases fraction": ["run", "--cases", "1.5"],
    "cases too many": ["run", "--cases", "9999999999999999999"],
    "seed text": ["run", "--seed", "lucky"],
    "seed negative": ["run", "--seed", "-1"],
    "workers zero": ["run", "--workers", "0"],
    "workers too many": ["run", "--workers", "100000"],
    "scheduler": ["run", "--scheduler", "fair"],
    "hunt above one": ["run", "--hunt", "1.5"],
    "hunt text": ["run", "--hunt", "half"],
    "faults": ["run", "--faults", "gremlins"],
    "v1 on a wide machine": ["run", "--variant", "v1", "--topology", "epyc176"],
    "out is a file": ["run", "--out", "{file}"],
    "out is below a file": ["run", "--out", "{file}/out"],
    "merge below a file": ["merge", "{empty}", "-o", "{file}/out"],
    "out is not empty": ["run", "--out", "{folder}"],
    "out is empty": ["run", "--out", ""],
    "config is empty": ["run", "--config", ""],
    "topology is empty": ["run", "--topology", ""],
    "force without resume": ["run", "--force"],
    "no faults and some": ["run", "--faults", "none,populate=0.1"],
    "a part that learns": ["run", "--shard", "1/2", "--learning", "on"],
    "a log that cannot be": ["run", "--log", "{file}/log"],
    "a rate of 2": ["run", "--stop", "rate(I1) < 2"],
    "a rate of at least 0": ["run", "--stop", "rate(I1) >= 0"],
    "what holds for any data": ["run", "--stop", "p99 misplaced >= 0"],
    "what never holds": ["run", "--stop", "ci(p99 waste) < 0"],
    "more than every share": ["run", "--stop", "p99 share <= 100"],
    "report format": ["report", "{empty}", "--format", "pdf"],
    "merge output is empty": ["merge", "{empty}", "-o", ""],
    "merge of nothing": ["merge", "{empty}", "-o", "{folder}/new"],
    "replay file missing": ["replay", "nowhere.json"],
    "replay a folder": ["replay", "{folder}"],
    "show": ["topology", "show", "nowhere"],
    "import missing": ["topology", "import", "nowhere"],
    "import an empty folder": ["topology", "import", "{empty}"],
    "hooks missing": ["hooks", "nowhere.jsonl", "--variant", "v2"],
    "hooks without variant": ["hooks", "{file}"],
    "trace without topology": ["trace", "{file}"],
    "trace missing": ["trace", "nowhere", "--topology", "two-node"],
}

TOPOLOGIES: dict[str, bytes] = {
    "not JSON": b"{",
    "not an object": b"[]",
    "another schema": topology_with(set_in("schema", to=2)),
    "unknown field": topology_with(set_in("colour", to="red")),
    "no distances": topology_with(drop("distances")),
    "a short row of distances": topology_with(set_in("distances", 0, to=[10])),
    "a node not 10 from itself": topology_with(set_in("distances", 0, 0, to=11)),
    "nodes nearer than 10": topology_with(set_in("distances", 0, 1, to=9)),
    "a CPU on an unknown node": topology_with(set_in("cpus", 0, "node", to=7)),
    "no memory": topology_with(lambda row: [node.update(pages=0) for node in row["nodes"]] and None),
    "no nodes": topology_with(set_in("nodes", to=[])),
    "two CPUs with one id": topology_with(set_in("cpus", 1, "id", to=0)),
    "a page size that does not exist": topology_with(set_in("page_size", to=5000)),
    "an ext size that does not exist": topology_with(set_in("ext_size", to=12)),
    "pages beyond a counter": topology_with(set_in("nodes", 0, "pages", to=1 << 40)),
    "an acting CPU that does not exist": topology_with(set_in("acting", to=[9])),
    "text for a number": topology_with(set_in("nodes", 0, "id", to="0")),
}

SCENARIOS: dict[str, bytes] = {
    "not JSON": b"\xff\xfe",
    "another schema": scenario_with(set_in("schema", to=9)),
    "unknown field": scenario_with(set_in("extra", to=1)),
    "a label that does not exist": scenario_with(set_in("schedule", to=[[0, "PO_NOWHERE", 1]])),
    "a task below zero": scenario_with(set_in("schedule", to=[[-1, "PO_BEGIN", 1]])),
    "a task that does not exist": scenario_with(set_in("schedule", to=[[99, "PO_BEGIN", 1]])),
    "a task beyond the record": scenario_with(set_in("schedule", to=[[1 << 40, "PO_BEGIN", 1]])),
    "a label passed more often than can be counted": scenario_with(set_in("schedule", to=[[0, "PO_BEGIN", 1 << 31]])),
    "a label passed a negative number of times": scenario_with(set_in("schedule", to=[[0, "PO_BEGIN", -1]])),
    "a step never reached": scenario_with(set_in("schedule", to=[[0, "FR_BEGIN", 50]])),
    "an operation that does not exist": scenario_with(set_in("program", "tasks", 0, "ops", 0, "kind", to="explode")),
    "a memcg that does not exist": scenario_with(set_in("program", "tasks", 0, "ops", 0, "memcg", to=77)),
    "an operation's number beyond its field": scenario_with(
        set_in("program", "tasks", 0, "ops", 0, "size_bytes", to=1 << 40)
    ),
    "a task on a CPU that does not exist": scenario_with(set_in("program", "tasks", 0, "cpu", to=50)),
    "no tasks": scenario_with(set_in("program", "tasks", to=[])),
    "a parent that is no ancestor": scenario_with(set_in("program", "memcgs", 0, "parent", to=1)),
    "a fault list of three": scenario_with(set_in("program", "fail_populate", to=[0, 1, 0])),
    "a placement that does not exist": scenario_with(set_in("program", "placement", to="nearest")),
    "an empty placement table": scenario_with(set_in("program", "table", to=[])),
    "a table entry beyond its field": scenario_with(set_in("program", "table", to=[1 << 20])),
    "a variant that only a file has": scenario_with(set_in("variant", to="mine.py:mine")),
    "an invariant that does not exist": scenario_with(set_in("invariant", to="I99")),
    "a machine that cannot exist": scenario_with(set_in("topology", "distances", 0, 0, to=0)),
}


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Exit status 2 and one line on standard error; that line."""
    status = call(arguments)
    said = capsys.readouterr()
    assert status == 2, said
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    assert said.err.startswith("percpu-fuzz: "), said.err
    assert "Traceback" not in said.err
    return said.err


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Paths that the option lists name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("kept")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("{}")
    return {name: str(tmp_path / name) for name in ("folder", "empty", "file")}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name: str, capsys: pytest.CaptureFixture[str], places: dict[str, str]) -> None:
    """Each option value that cannot be is refused before anything runs."""
    refused(capsys, [word.format(**places) for word in OPTIONS[name]])
    assert Path(places["folder"], "old").read_text() == "kept"


@pytest.mark.parametrize("name", TOPOLOGIES)
def test_topologies(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each machine that cannot exist is refused by what is wrong with it, and the file is named."""
    path = tmp_path / "machine.json"
    path.write_bytes(TOPOLOGIES[name])
    assert str(path) in refused(capsys, ["topology", "show", str(path)])


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each scenario file that cannot be replayed is refused."""
    path = tmp_path / "scenario.json"
    path.write_bytes(SCENARIOS[name])
    refused(capsys, ["replay", str(path)])


def test_a_good_scenario_is_not_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The control: the file that the wrong ones were made of replays."""
    path = tmp_path / "scenario.json"
    path.write_bytes(scenario_with(lambda row: None))
    assert call(["replay", str(path)]) == 0
    assert "I1 holds" in capsys.readouterr().out


def hook_lines() -> list[bytes]:
    (sample,) = sorted(RECORDED.glob("*hooks*/*p6-n2*.jsonl*"))[:1] or sorted(RECORDED.rglob("*.jsonl*"))[:1]
    data = sample.read_bytes()
    return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).splitlines()


HOOKS: dict[str, Callable[[dict[str, Any]], None] | bytes] = {
    "not JSON": b"{\n",
    "a field missing": drop("size"),
    "a size below zero": set_in("size", to=-4),
    "a size of text": set_in("size", to="4"),
    "places for too few CPUs": set_in("place", to=[[0]]),
}


@pytest.mark.parametrize("name", HOOKS)
def test_hook_records(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A record that a kernel cannot have written is refused with its line."""
    change, path = HOOKS[name], tmp_path / "hooks.jsonl"
    if isinstance(change, bytes):
        path.write_bytes(change)
    else:
        row = json.loads(hook_lines()[0])
        change(row)
        path.write_text(json.dumps(row) + "\n")
    assert "hooks.jsonl" in refused(capsys, ["hooks", str(path), "--variant", "v2"])


def test_a_damaged_trace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A gzip stream that breaks off is refused by its file's name."""
    path = tmp_path / "percpu.trace.gz"
    path.write_bytes(gzip.compress(bytes(range(256)) * 40)[:200])
    assert str(path) in refused(capsys, ["trace", str(path), "--topology", "two-node"])


def test_a_variant_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A user's file that raises, lacks the name, or sets a choice that does not exist is refused."""
    path = tmp_path / "mine.py"
    path.write_text("from percpu_fuzz.engine.variant import Variant\nwrong = Variant('w', 'a test', walk=9)\n")
    assert "walk" in refused(capsys, ["run", "--variant", f"{path}:wrong"])
    refused(capsys, ["run", "--variant", f"{path}:absent"])
    path.write_text("1 / 0\n")
    assert "ZeroDivisionError" in refused(capsys, ["run", "--variant", f"{path}:wrong"])


REFUSED = [
    ("--scheduler", "nope"), ("--faults", "nope"), ("--variant", "nope"), ("--log", "/nowhere/log"),
    ("--stop", "rate(I1) < 2"), ("--topology", ""),
]  # fmt: skip


@pytest.mark.parametrize("option", REFUSED)
def test_a_refused_campaign_leaves_no_folder(
    option: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is refused is refused before the output folder is made."""
    out = tmp_path / "out"
    assert call(["run", "--cases", "10", "--out", str(out), *option]) == 2
    assert not out.exists()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise SystemExit(0)", "SystemExit"),
        ("import sys; sys.exit('boom')", "SystemExit"),
        ("from percpu_fuzz.engine.variant import Variant; v = Variant('two\\nlines', '')", "letters, digits"),
        ("from percpu_fuzz.engine.variant import Variant; v = Variant('n' * 121, '')", "letters, digits"),
        ("from percpu_fuzz.engine.variant import Variant; v = Variant(7, '')", "letters, digits"),
        ("from percpu_fuzz.engine.variant import Variant; v = Variant('x', '', ext='one')", "ext = 'one'"),
        ("from percpu_fuzz.engine.variant import Variant; v = Variant('x', '', ext=True)", "ext = True"),
    ],
)
def test_variant_files_that_are_refused(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that ends the process, an odd name, a choice of another type: one line each, and never a clean exit."""
    path = tmp_path / "mine.py"
    path.write_text(text + "\n")
    assert said in refused(capsys, ["run", "--variant", f"{path}:v"])


def test_states_without_a_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A comparison with nothing is refused: 0 of 0 rows equal would read as agreement."""
    run = RECORDED / "r11-2node-small-6.1"
    (tmp_path / "states.json").write_text("[]")
    line = ["trace", str(run / "percpu.trace.gz"), "--topology", str(run / "topology.json")]
    assert "no snapshot" in refused(capsys, [*line, "--states", str(tmp_path / "states.json")])


@pytest.mark.parametrize(
    "line",
    [
        ["run", "--calibration", "x" * 300], ["run", "--resume", "x" * 300], ["run", "--out", "x" * 300],
        ["run", "--topology", "x" * 300], ["report", "x" * 300], ["compare", "x" * 300, "y" * 300],
        ["fidelity", "x" * 300], ["calibrate", "x" * 300, "-o", "z.json"],
    ],
    ids=lambda line: f"{line[0]} {line[1][:8]}",
)  # fmt: skip
def test_names_that_are_too_long(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """No file system takes a name of 300 bytes; that is the user's mistake, wherever it is found out."""
    assert call(line) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "allowed:" in said


def test_paths_that_the_user_may_not_use(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that was typed and is refused is the user's; another one, or none (descriptors), is the harness's."""

    def refuse(name: str | None) -> None:
        raise OSError(errno.EACCES, "Permission denied", name)

    for name, status in (("/secret/campaign.db", 2), ("/var/cache/engine-secret", 3), ("/var/report", 3), (None, 3)):
        monkeypatch.setattr("percpu_fuzz.fuzz.cli.invoke", lambda _, name=name: refuse(name))
        monkeypatch.setattr("percpu_fuzz.fuzz.cli.forget_output", lambda: None)
        assert call(["report", "/secret"]) == status
        assert ("allowed: a path" in capsys.readouterr().err) == (status == 2)
