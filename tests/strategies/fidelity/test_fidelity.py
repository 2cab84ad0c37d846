"""Fidelity: rows with their lag, possible CPUs, placement, charge failures, and the command that prints them."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import cli
from percpu_fuzz.strategies.fidelity.charge_failures import check_charge_failures
from percpu_fuzz.strategies.fidelity.fallback import check_fallback
from percpu_fuzz.strategies.fidelity.fidelity import check_run, replay_rows, unit_bytes_of
from percpu_fuzz.strategies.fidelity.stat_rows import StatRow, lagging
from percpu_fuzz.strategies.trace import operations as op
from percpu_fuzz.strategies.trace.pages.placement import Placement, PopulateRecord
from percpu_fuzz.strategies.trace.recorded_run import RecordedRun
from percpu_fuzz.strategies.trace.states import CgroupRow, Snapshot
from percpu_fuzz.strategies.trace.trace_stream import CostRatios, check_possible_cpus

SMALL = "r11-2node-small-6.1"
FOUR_CPUS = Topology(
    name="four",
    nodes=(Node(0, pages=1000), Node(1, pages=1000), Node(2, pages=1000)),
    cpus=(Cpu(0, 0), Cpu(1, 0), Cpu(2, 1), Cpu(3, 1)),
    distances=((10, 20, 30), (20, 10, 15), (30, 15, 10)),
)


def rows(*values: tuple[int, int]) -> list[StatRow]:
    return [StatRow(f"s{i}", "/A", kernel, engine) for i, (kernel, engine) in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(1, 1), (1, 2), (2, 2)], [False, True, False]),
        ([(1, 1), (1, 2), (2, 3), (2, 4), (5, 5)], [False, True, True, True, False]),
        ([(1, 1), (1, 2)], [False, False]),
        ([(1, 1), (7, 2), (2, 2)], [False, False, False]),
        ([(1, 1), (2, 2), (1, 3), (3, 3)], [False, False, False, False]),
        ([(1, 1), (1, 2), (9, 3), (3, 3)], [False, False, False, False]),
    ],
    ids=["caught up", "two flushes", "never caught up", "no value of its past", "before the flush", "then wrong"],
)
def test_a_row_lags_when_it_shows_its_past_and_catches_up(values: list[tuple[int, int]], expected: list[bool]) -> None:
    """Exact to the byte, not before a flush already seen, and right in the end; anything else is a difference."""
    assert lagging(rows(*values)) == expected


def test_rows_of_the_small_run_are_equal_and_a_mutant_has_fewer(recorded: Path) -> None:
    """1,797 of 1,797; an engine whose free keeps PERCPU_B is found out, and lag does not excuse it."""
    read = RecordedRun.of_folder(recorded / SMALL).read()
    right = replay_rows(read, VARIANTS["base"])
    assert (len(right.rows), right.rows_equal, right.rows_lagging, right.worst_other_bytes) == (1797, 1797, 0, 0)
    wrong = replay_rows(read, replace(VARIANTS["base"], name="free keeps PERCPU_B", stat=2))
    assert wrong.rows_equal + wrong.rows_lagging < len(wrong.rows) == 1797


@pytest.mark.parametrize(
    ("name", "rows", "equal", "lagging"),
    [("r6-memmax-fail-6.1", 1883, 1883, 0), ("r12-2node-small-6.12", 1797, 1756, 41)],
)
def test_rows_of_large_runs(kernel_runs: Path, name: str, rows: int, equal: int, lagging: int) -> None:
    """Equal through memory.max, and on 6.12 with the 41 rows that lag and no other difference."""
    found = replay_rows(RecordedRun.of_folder(kernel_runs / name).read(), VARIANTS["base"])
    assert (len(found.rows), found.rows_equal, found.rows_lagging) == (rows, equal, lagging)
    assert found.worst_other_bytes == 0


def areas(*pairs: tuple[int, int]) -> list[op.Operation]:
    return [op.AllocArea(0, 0, 1, "a", i * 64, s, 8, None, False, False, (), b) for i, (s, b) in enumerate(pairs)]


def cost_ratio(operations: list[op.Operation]) -> int | None:
    ratios = CostRatios()
    for o in operations:
        ratios.add(o)
    return ratios.ratio("trace")


def test_possible_cpus_follow_from_the_cost_of_areas() -> None:
    """size * C plus metadata worth 2 or 4 CPUs, or none; a machine that fits no reading is refused with all three."""
    ratio = cost_ratio(areas((8, 48), (64, 384)))
    assert ratio == 6
    assert "4 possible CPUs, 8 bytes of metadata" in check_possible_cpus(ratio, FOUR_CPUS)
    assert "16 bytes" in check_possible_cpus(8, FOUR_CPUS)
    assert "no accounting" in check_possible_cpus(4, FOUR_CPUS)
    with pytest.raises(InputError, match=r"cost 7 times their size; allowed: 5 \(8 .*, 3 \(16 .*, 7 \(no accounting\)"):
        check_possible_cpus(7, FOUR_CPUS)


def test_traces_without_the_cost_or_with_two_are_told_apart() -> None:
    """Kernels before 5.19 do not say; two ratios cannot be one boot, but for one in a hundred that is damaged."""
    assert cost_ratio(areas((8, -1))) is None
    with pytest.raises(InputError, match="one ratio"):
        cost_ratio(areas((8, 48), (8, 48), (8, 40)))
    assert cost_ratio(areas(*[(8, 48)] * 99, (8, 40))) == 6


def populated(nodes: list[list[int]]) -> Placement:
    """One populate of one page a row of nodes, by CPU."""
    records = tuple(PopulateRecord(t, "a", t, t + 1, tuple((n,) for n in row)) for t, row in enumerate(nodes))
    return Placement(dict(enumerate(nodes[0])), records)


def test_fallback_that_follows_the_zonelist_is_within_the_tolerance() -> None:
    """Node 1 full for 40 of 100 populates: its CPUs move to node 2 and back, both at once; others foretell each."""
    report = check_fallback(populated([[0, 0, 2, 2] if 30 <= t < 70 else [0, 0, 1, 1] for t in range(100)]), FOUR_CPUS)
    assert (report.pages, report.pages_equal, report.intervals, report.longest_run) == (400, 400, 1, 40)
    assert (report.others_judged, report.others_equal, report.split) == (400, 400, 0)
    assert report.nodes[1].switches_recorded == report.nodes[1].switches_model == [2, 2]
    assert (report.nodes[1].fallback_recorded, report.nodes[0].fallback_recorded) == (80, 0)
    assert report.within


def test_fallback_that_ignores_the_zonelist_is_not() -> None:
    """Control: pages on random nodes cannot be told by which nodes are full (chance to pass: below 1e-9)."""
    generator = random.Random(5)
    report = check_fallback(populated([[generator.randrange(3) for _ in range(4)] for _ in range(200)]), FOUR_CPUS)
    assert not report.within
    assert report.pages_equal < 0.8 * report.pages
    assert report.split > 0


def test_placement_of_another_machine_is_refused() -> None:
    """More CPUs, or nodes that the machine does not have."""
    with pytest.raises(InputError, match="2 CPUs, the machine has 4"):
        check_fallback(populated([[0, 0]]), FOUR_CPUS)
    with pytest.raises(InputError, match=r"nodes \[7\]"):
        check_fallback(populated([[0, 0, 7, 1]]), FOUR_CPUS)


MIB = 1 << 20


def limited(*requests: op.Operation) -> tuple[op.Operation, ...]:
    made: list[op.Operation] = [op.MkCgroup(0, 5, "/A", op.ROOT, 8 * MIB), op.SnapEnd(1, "s")]
    return (*made, *requests)


def snapshots(other_bytes: int) -> tuple[Snapshot, ...]:
    return (Snapshot("s", {"/A": CgroupRow(5, 0, other_bytes)}),)


@pytest.mark.parametrize(
    ("other", "verdict"), [(0, "unlikely"), (8 * MIB, "same"), (7 * MIB, "open")], ids=["room", "full", "stock decides"]
)
def test_a_charge_failure_is_judged_by_what_the_cgroup_holds(other: int, verdict: str) -> None:
    """With room for what it seems to be it is unlikely, without any it is the same, and what the stocks hold leaves it
    open; none contradicts the model, because size and cgroup are guesses.
    """
    failed = op.ChargeFailure(2, 0, 9, 5)
    report = check_charge_failures(limited(failed), snapshots(other), nr_cpus=4)
    assert dict(report.failures) == {verdict: 1}
    assert report.contradicted == 0


def test_a_charge_failure_without_a_limit_contradicts_the_model() -> None:
    """No cgroup has memory.max: nothing can refuse a charge."""
    unlimited: list[op.Operation] = [op.MkCgroup(0, 5, "/A", op.ROOT, None), op.ChargeFailure(2, 0, 9, 5)]
    report = check_charge_failures(unlimited, snapshots(0), nr_cpus=4)
    assert (report.contradicted, report.recorded) == (1, 1)


def test_charge_failures_of_the_limited_run(kernel_runs: Path) -> None:
    """125 recorded, all in limited cgroups, none contradicted; what the trace cannot decide is counted."""
    read = RecordedRun.of_folder(kernel_runs / "r6-memmax-fail-6.1").read()
    report = check_charge_failures(read.operations, read.run.snapshots, nr_cpus=8)
    assert (report.recorded, report.failures["same"], report.failures["open"]) == (125, 44, 81)
    assert report.contradicted == 0


def test_the_small_run_agrees_in_every_figure(recorded: Path) -> None:
    """Rows, areas, pages, placement and charges of the run in the repository."""
    run = RecordedRun.of_folder(recorded / SMALL)
    found = check_run(run.read(keep_events=True), VARIANTS["base"])
    assert found.agrees
    assert found.missing == []
    assert found.areas is not None
    assert found.areas.equal / found.areas.allocations > 0.95
    assert found.fallback is not None
    assert (found.fallback.pages_equal, found.fallback.pages) == (1912, 1912)
    assert unit_bytes_of(run.first_chunk, 4096) == (2 << 20, "")


def test_the_command_prints_figures_and_json(recorded: Path) -> None:
    """Status 0, the last line is one JSON object with the five figures."""
    result = CliRunner().invoke(cli, ["fidelity", str(recorded / SMALL), "--json"], standalone_mode=False)
    assert result.return_value == 0, result.output
    row = json.loads(result.output.splitlines()[-1])["runs"][0]
    assert (row["rows"], row["rows_equal"], row["areas"]["allocations"]) == (1797, 1797, 10788)
    assert row["placement"]["within"] is True
    assert row["charges"]["recorded"] == 0


def test_what_a_folder_lacks_is_said(recorded: Path, tmp_path: Path) -> None:
    """Without boot messages, placement and states the other figures stand, and the missing ones are named."""
    for name in ("percpu.trace.gz", "topology.json"):
        (tmp_path / name).write_bytes((recorded / SMALL / name).read_bytes())
    result = CliRunner().invoke(cli, ["fidelity", str(tmp_path)], standalone_mode=False)
    assert result.return_value == 0
    for name in ("states.json", "dmesg-boot.txt", "placement.json"):
        assert f"not in this folder: {name}" in result.output.replace("a unit size in ", "")


@pytest.mark.parametrize("missing", ["percpu.trace", "everything"])
def test_a_folder_that_is_no_run_is_refused(recorded: Path, tmp_path: Path, missing: str) -> None:
    """One line that names the folder and what it should hold."""
    if missing == "percpu.trace":
        (tmp_path / "topology.json").write_bytes((recorded / SMALL / "topology.json").read_bytes())
    with pytest.raises(InputError, match=str(tmp_path)):
        CliRunner().invoke(cli, ["fidelity", str(tmp_path)], standalone_mode=False, catch_exceptions=False)
