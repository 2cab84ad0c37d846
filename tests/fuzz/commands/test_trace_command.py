"""`percpu-fuzz trace`: its figures against a small model, its files, and what it says where it cannot know."""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from places import DATA

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.draw.calibration import find_calibration
from percpu_fuzz.strategies.fidelity.replay import replay_side_by_side, replay_workload
from percpu_fuzz.strategies.trace import operations as op
from percpu_fuzz.strategies.trace.pages.placement import PopulateRecord
from percpu_fuzz.strategies.trace.pages.placement_model import in_runs
from percpu_fuzz.strategies.trace.recorded_run import RecordedRun

SMALL = DATA / "recorded" / "r11-2node-small-6.1"
TRACE, MACHINE = str(SMALL / "percpu.trace.gz"), str(SMALL / "topology.json")
PAGE = 4096


def answer(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> tuple[str, dict[str, Any]]:
    """Text and JSON object of a command line."""
    assert call(["trace", *arguments, "--json"]) == status
    lines = capsys.readouterr().out.splitlines()
    return "\n".join(lines[:-1]), json.loads(lines[-1])


def tiny_model() -> tuple[Counter[tuple[int, int, bool]], Counter[int], Counter[int]]:
    """v2 on the small run, by arithmetic alone: pairs, bytes amiss, bytes of live areas by node at the end.

    Two CPUs, two nodes, 8 bytes of metadata a granule: F = 4 s, precharge = ceil(F / P) + 2. The walk of 6/9 books
    whole pages from the area's first page on.
    """
    read = RecordedRun.of(TRACE).read()
    assert read.placement is not None
    node: dict[tuple[str, int, int], int] = {}
    records = list(read.placement.records)
    pairs: Counter[tuple[int, int, bool]] = Counter()
    amiss: Counter[int] = Counter()
    live: dict[tuple[str, int], Counter[int]] = {}
    for o in read.operations:
        while records and records[0].t <= o.t:
            record = records.pop(0)
            if isinstance(record, PopulateRecord):
                for cpu, row in enumerate(record.node_by_cpu_by_page):
                    for i, where in enumerate(row):
                        node[record.base, cpu, record.page_start + i] = where
        if isinstance(o, op.AllocArea) and o.cg is not None:
            assert o.off % 4 == o.size_bytes % 4 == 0
            booked, truth = Counter[int](), Counter[int]()
            for cpu in (0, 1):
                for i in range(0, o.size_bytes, 4):  # a granule lies on one page
                    booked[node.get((o.base, cpu, o.off // PAGE + i // PAGE), cpu)] += 4
                    truth[node.get((o.base, cpu, (o.off + i) // PAGE), cpu)] += 4
            used = sum(-(-size // PAGE) for size in booked.values())
            pairs[-(-4 * o.size_bytes // PAGE) + 2, used, o.is_atomic] += 1
            amiss[sum(max(booked[n] - truth[n], 0) for n in booked)] += 1
            live[o.base, o.off] = booked
        elif isinstance(o, op.FreeArea):
            live.pop((o.base, o.off), None)
    return pairs, amiss, sum(live.values(), Counter())


def test_the_figures_are_those_of_the_arithmetic() -> None:
    """Each charged allocation's precharge and use, bytes amiss and bytes left by node, of 5,426 allocations."""
    read = RecordedRun.of(TRACE).read()
    tally = replay_workload(read, read.run.topology, VARIANTS["v2"], read.placement).tally
    pairs, amiss, left = tiny_model()
    assert tally.charged == 5426
    assert tally.pairs == pairs
    assert tally.misplaced == amiss
    assert amiss.total() > amiss[0]
    assert {n.node: n.bytes_end for n in tally.nodes} == {0: left[0], 1: left[1], None: left.total()}
    for n in tally.nodes:
        assert n.pages_peak >= n.pages_end >= 0
        assert n.bytes_peak > n.bytes_end
        assert n.pages_end * PAGE >= n.bytes_end


def test_v2_prints_its_figures_and_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Waste, failures by headroom, bytes amiss and pages by node, as text, JSON and HTML; the same in all three."""
    out = tmp_path / "out"
    text, row = answer(capsys, TRACE, "--topology", MACHINE, "--variant", "v2", "--out", str(out))
    assert row["charged"] == sum(row["waste"]["pages"]["histogram"].values()) == 5426
    assert row["placement"]["modelled"] is False
    assert row["waste"]["pages"]["quantiles"]["0.5"] == 1
    last = row["spurious"][-1]
    assert last["all"] == {"fit": 5426, "fail": 0}
    assert all(r["all"]["fail"] == r["may_block"]["fail"] + r["may_not_block"]["fail"] for r in row["spurious"])
    assert row["spurious"][1]["all"]["fail"] > 0
    assert row["attribution"]["misplaced_bytes"] > 0
    assert [n["node"] for n in row["nodes"]] == [0, 1, None]
    for words in ("Wasted precharge", "only the precharge", "another node", "Charged by node", "no figure has a"):
        assert words in " ".join(text.split())
    assert max(len(line) for line in text.splitlines() if str(SMALL) not in line) <= 78
    assert (out / "trace.txt").read_text() == text + "\n"
    assert json.loads((out / "trace.json").read_text()) == row
    page = (out / "trace.html").read_text(encoding="ascii")
    assert page.count("<svg") == 3
    assert "5,426 charged allocations" in page
    assert "<script" not in page


def test_base_has_no_precharge_to_speak_of(capsys: pytest.CaptureFixture[str]) -> None:
    """n/a for waste, failures and attribution; what was charged is there, of all nodes together."""
    text, row = answer(capsys, TRACE, "--topology", MACHINE, "--states", str(SMALL / "states.json.gz"))
    assert text.count("n/a: base") == 3
    assert row["waste"] is row["spurious"] is row["attribution"] is None
    assert (row["rows"], row["rows_equal"], row["worst_difference_bytes"]) == (1797, 1797, 0)
    assert row["nodes"][-1]["node"] is None
    assert row["nodes"][-1]["bytes_peak"] > 0


def alone(tmp_path: Path, *parts: str) -> str:
    """The trace in a folder of its own, with more lines of the same run merged in by time."""
    lines = []
    for part in ("percpu.trace.gz", *parts):
        text = gzip.decompress((SMALL / part).read_bytes()).decode()
        lines += [line for line in text.splitlines() if not line.startswith("#")]
    if parts:
        lines = sorted(set(lines), key=lambda line: int(line.split("] ")[1].split(": ")[0].split()[-1]))
    path = tmp_path / "percpu.trace"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_page_events_stand_in_for_placement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without placement.json, the trace's page events give the very same figures."""
    _, known = answer(capsys, TRACE, "--topology", MACHINE, "--variant", "v2")
    path = alone(tmp_path, "page-events.trace.gz")
    text, seen = answer(capsys, path, "--topology", MACHINE, "--variant", "v2")
    assert "page events of the trace (310 populates)" in " ".join(text.split())
    for name in ("waste", "spurious", "attribution", "nodes", "charged"):
        assert seen[name] == known[name]


def test_a_modelled_placement_has_a_range(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With neither, every figure stands beside its range over the placements that were tried."""
    _, known = answer(capsys, TRACE, "--topology", MACHINE, "--variant", "v2")
    text, row = answer(capsys, alone(tmp_path), "--topology", MACHINE, "--variant", "v2")
    assert row["placement"]["modelled"] is True
    assert "[least, most]" in text
    assert "the first node of its CPU's zonelist" in " ".join(text.split())
    low, high = row["waste"]["pages"]["mean_range"]
    assert low < high
    assert low <= row["waste"]["pages"]["mean"] <= high
    assert row["attribution"]["misplaced_bytes"] == 0  # every CPU's pages on one node: nothing to misplace
    assert row["attribution"]["share_range"][1] > 0
    assert low <= known["waste"]["pages"]["mean"] <= high


def test_a_calibration_without_fallback_gives_no_range(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`default` knows of no pages: one placement, and the report says that there is no range."""
    line = [alone(tmp_path), "--topology", MACHINE, "--variant", "v2", "--calibration", "default"]
    text, row = answer(capsys, *line)
    assert row["waste"]["pages"]["mean_range"] is None
    assert "no range" in " ".join(text.split())


def test_a_trace_without_probes_names_the_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Plain tracepoints: nothing charged and the option named; with it, every accounted allocation is charged."""
    text = gzip.decompress(Path(TRACE).read_bytes()).decode()
    path = tmp_path / "plain.trace"
    path.write_text(
        "".join(f"{line}\n" for line in text.splitlines() if ": post:" not in line and ": stat:" not in line)
    )
    line = [str(path), "--topology", MACHINE, "--variant", "v2"]
    said, row = answer(capsys, *line)
    assert row["charged"] == 0
    assert "--charge accounted" in said
    said, row = answer(capsys, *line, "--charge", "accounted")
    accounted = sum(": percpu_alloc_percpu:" in row and "ACCOUNT" in row for row in text.splitlines())
    assert row["charged"] == accounted > 5426
    assert "assumed: every allocation with __GFP_ACCOUNT" in " ".join(said.split())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--charge", "all"], "--charge: 'all'; allowed: observed, accounted"),
        (["--calibration", "nothing"], "--calibration: 'nothing'"),
        (["--out", TRACE], "--out"),
    ],
)
def test_what_is_refused(more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit status 2."""
    assert call(["trace", TRACE, "--topology", MACHINE, *more]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_what_the_trace_refuses_leaves_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Snapshots of which no row can be compared: one line before anything is printed, and --out is not there."""
    states = tmp_path / "states.json"
    states.write_text('[{"phase": "none", "cgroups": {"/": {"ino": 1, "memory.stat": {"percpu": 1}}}}]')
    out = tmp_path / "a" / "out"
    assert call(["trace", TRACE, "--topology", MACHINE, "--states", str(states), "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert "no row of 1 snapshots could be compared" in said.err
    assert said.out == ""
    assert not out.parent.exists()


def test_a_row_that_differs_is_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One byte count of one row moved: 1,796 of 1,797 equal in text and JSON; the figures are there all the same."""
    states = json.loads(gzip.decompress((SMALL / "states.json.gz").read_bytes()))
    row = next(iter(states[-1]["cgroups"].values()))
    row["memory.stat"]["percpu"] += 4
    path = tmp_path / "states.json"
    path.write_text(json.dumps(states))
    text, found = answer(capsys, TRACE, "--topology", MACHINE, "--states", str(path), status=1)
    assert (found["rows"], found["rows_equal"], found["rows_lagging"]) == (1797, 1796, 0)
    assert found["worst_difference_bytes"] == 4
    assert "1,796 of 1,797 rows equal, 0 lag" in " ".join(text.split())
    assert found["charged"] == 5426


def test_a_pipe_is_read_once_and_has_no_range(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures of the same text as a file, and the report says why there is no range."""
    path, pipe = alone(tmp_path), tmp_path / "pipe"
    _, known = answer(capsys, path, "--topology", MACHINE, "--variant", "v2")
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(Path(path).read_bytes()))
    writer.start()
    text, row = answer(capsys, str(pipe), "--topology", MACHINE, "--variant", "v2")
    writer.join()
    assert "read twice" in " ".join(text.split())
    assert row["waste"]["pages"]["mean_range"] is None
    assert known["waste"]["pages"]["mean_range"] is not None
    assert row["nodes"] == known["nodes"]
    assert row["waste"]["pages"]["histogram"] == known["waste"]["pages"]["histogram"]


def test_placements_side_by_side_are_those_one_by_one() -> None:
    """Five draws in one pass charge what each charges alone, and they are not all alike."""
    read = RecordedRun.of(TRACE).read()
    recorded = find_calibration("recorded")
    assert recorded is not None
    chain = recorded.chain
    assert chain is not None
    operations, v2 = read.operations[:6000], VARIANTS["v2"]
    fillers = [in_runs(read.run.topology, chain, seed) for seed in range(3)]
    together = [done.tally for done in replay_side_by_side(operations, read.run.topology, v2, fillers)]
    alone_ = []
    for seed in range(3):
        (done,) = replay_side_by_side(operations, read.run.topology, v2, [in_runs(read.run.topology, chain, seed)])
        alone_.append(done.tally)
    assert together == alone_
    assert together[0].pairs != together[1].pairs or together[0].nodes != together[1].nodes
