"""Fitting: the shipped calibrations come out of the recorded data again; each fitted part against a tiny model."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, GFP_HIGH, GFP_NOBLOCK, OP_ALLOC, OP_FREE
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.calibrate.calibrate import (
    GFP_BITS,
    RunCounts,
    calibrate,
    count_halves,
    count_run,
    fit,
    fitted_op,
    gfp_weights,
    halves_of,
    thinned,
)
from percpu_fuzz.strategies.calibrate.lifetimes import (
    HORIZON,
    Lifetimes,
    drawn_lifetimes,
    op_weights,
    recorded_lifetimes,
)
from percpu_fuzz.strategies.calibrate.pages_and_limits import Headrooms, cut, headroom_pages, headrooms_of, pattern_of
from percpu_fuzz.strategies.draw.calibration import Calibration, find_calibration
from percpu_fuzz.strategies.draw.choices import KINDS, PLACE_INDEPENDENT, PLACE_LOCAL, PLACE_PRESSED, PLACE_RUNS
from percpu_fuzz.strategies.trace import operations as op
from percpu_fuzz.strategies.trace.cgroup_limits import CgroupLimits
from percpu_fuzz.strategies.trace.recorded_run import ReadTrace, RecordedRun
from percpu_fuzz.strategies.trace.states import CgroupRow, Snapshot

SMALL = "r11-2node-small-6.1"


def refitted(folder: Path, name: str) -> Calibration:
    """What the command fits to a run's folder."""
    read = RecordedRun.of_folder(folder).read()
    return calibrate(name, {folder.name: counts_of(read)}, count_halves(read))


def counts_of(read: ReadTrace) -> RunCounts:
    return count_run(read.run.name, read, read.run.snapshots)


def test_the_small_run_gives_the_shipped_calibration(recorded: Path) -> None:
    """Every weight, every figure and the source of calibration recorded-r11, from the data in the repository."""
    assert refitted(recorded / SMALL, "recorded-r11") == find_calibration("recorded-r11")


def test_a_large_run_gives_the_shipped_calibration(kernel_runs: Path) -> None:
    """The same of r12, another kernel."""
    assert refitted(kernel_runs / "r12-2node-small-6.12", "recorded-r12") == find_calibration("recorded-r12")


def test_too_few_allocations_are_refused() -> None:
    """A trace that names no charged allocation fits nothing, and the message says which option helps."""
    with pytest.raises(InputError, match="--charge accounted"):
        calibrate("mine", {"empty": RunCounts()})


def test_a_run_too_small_to_judge_is_named(recorded: Path) -> None:
    """One empty run and one of five allocations are not held out, and stop nothing; each is named."""
    counts = counts_of(RecordedRun.of_folder(recorded / SMALL).read())
    few = RunCounts(Counter({8: 5}), Counter({8: 5}), Counter({GFP_ACCOUNT: 5}), Counter({(3, 8, 0): 5}))
    found = calibrate("mine", {"whole": counts, "empty": RunCounts(), "few": few})
    assert found.held_out == {}
    assert found.left_out == (
        "held out, whole: the others have 5 charged allocations, at least 30 are needed",
        "held out, empty: it has 0 charged allocations, at least 30 are needed",
        "held out, few: it has 5 charged allocations, at least 30 are needed",
    )
    assert set(calibrate("mine", {"one": counts, "two": counts, "few": few}).held_out) == {"one", "two"}


def test_thinning_keeps_the_counts_and_merges_the_cheapest() -> None:
    """Rare values go to near neighbours; common and far ones stay."""
    counts = {8: 100, 12: 1, 64: 50, 72: 2, 4096: 1}
    assert thinned(counts, 5) == counts
    assert thinned(counts, 4) == {8: 100, 64: 50 + 2, 12: 1, 4096: 1} or thinned(counts, 4)[8] == 101
    assert thinned(counts, 3) == {8: 101, 64: 52, 4096: 1}
    assert sum(thinned(counts, 2).values()) == 154
    assert thinned(counts, 1) == {8: 154}


def test_thinning_is_the_greedy_one() -> None:
    """Against the definition, step by step, on 40 values."""
    import math

    counts = {4 * (i * i + 3): (i * 37) % 23 + 1 for i in range(40)}

    def slow(most: int) -> dict[int, int]:
        left = dict(sorted(counts.items()))
        while len(left) > most:
            values = sorted(left)
            costs = []
            for i, value in enumerate(values):
                near = [values[j] for j in (i - 1, i + 1) if 0 <= j < len(values)]
                costs.append((left[value] * min(abs(math.log(value / other)) for other in near), value, near))
            _, value, near = min(costs)
            heir = min(near, key=lambda other: (max(value / other, other / value), other))
            left[heir] += left.pop(value)
        return dict(sorted(left.items()))

    for most in (39, 20, 7, 1):
        assert thinned(counts, most) == slow(most)


def alloc(t: int, off: int, pid: int = 1, cg: int | None = 5, gfp: tuple[str, ...] = (), size: int = 8) -> op.AllocArea:
    return op.AllocArea(t, 0, pid, "ab", off, size, 8, cg, "GFP_NOWAIT" in gfp, False, gfp, -1)


def free(t: int, off: int) -> op.FreeArea:
    return op.FreeArea(t, 0, "ab", off)


def test_lifetimes_count_allocations_of_the_same_task() -> None:
    """Two more of the same task before the free, none of another task's, none that was not charged."""
    operations = [
        alloc(1, 0), alloc(2, 8, pid=2), alloc(3, 16), alloc(4, 24, cg=None), alloc(5, 32), free(6, 0), free(7, 24),
        free(8, 8),
    ]  # fmt: skip
    found = recorded_lifetimes(operations)
    assert found.freed == Counter({2: 1, 0: 1})
    assert found.alive == Counter({1: 1, 0: 1})
    assert found.mix == {0: 4, 1: 2}


def test_survival_is_the_product_limit_estimate() -> None:
    """Ten areas: two freed at 0, two last seen at 0, three of the six left freed at 1: 0.2, then 0.8 * 3 / 6."""
    found = Lifetimes(Counter({0: 2, 1: 3}), Counter({0: 2, 9: 3})).shares()
    assert found[0] == pytest.approx(0.2)
    assert found[1] == pytest.approx(0.4)
    assert found[HORIZON] == pytest.approx(0.4)
    assert sum(found.values()) == pytest.approx(1)


def test_more_frees_are_drawn_with_more_weight() -> None:
    """The share of frees among hook runs grows with their weight up to a half; the fit picks the nearest."""
    mixes = {}
    for percent in (5, 35):
        kinds = {**KINDS, "op": type(KINDS["op"])("op", KINDS["op"].values, op_weights(percent), KINDS["op"].hunt)}
        mixes[op_weights(percent)] = drawn_lifetimes(kinds, cases=1500)
    few, many = (found.freed.total() / found.areas for found in mixes.values())
    assert few < many < 1
    assert fitted_op(Lifetimes(Counter({0: 1}), Counter({0: 99})), mixes) == op_weights(5)
    assert fitted_op(Lifetimes(Counter({0: 60}), Counter({0: 40})), mixes) == op_weights(35)


def test_operations_keep_their_weight() -> None:
    """Only allocs and frees are shared anew; together they and all others weigh what they did."""
    op_kind = KINDS["op"]
    new = dict(zip(op_kind.values, op_weights(50), strict=True))
    assert new[OP_ALLOC] == new[OP_FREE]
    for value, weight in zip(op_kind.values, op_kind.measure, strict=True):
        assert new[value] == 100 * weight or value in (OP_ALLOC, OP_FREE)
    assert sum(new.values()) == 100 * sum(op_kind.measure)


def test_flags_have_the_recorded_shares() -> None:
    """Each group of flags weighs what was counted; within a group the default's proportions stay."""
    weights = gfp_weights(Counter({0: 10, GFP_ACCOUNT: 60, GFP_ACCOUNT | GFP_NOBLOCK: 30}))
    total = sum(weights)
    groups: Counter[int] = Counter()
    for value, weight in zip(KINDS["gfp"].values, weights, strict=True):
        groups[value & GFP_BITS] += weight
    assert groups[0] / total == pytest.approx(0.1)
    assert groups[GFP_ACCOUNT] / total == pytest.approx(0.6)
    assert groups[GFP_ACCOUNT | GFP_NOBLOCK] / total == pytest.approx(0.3)
    assert groups[GFP_ACCOUNT | GFP_NOBLOCK | GFP_HIGH] == 0
    default = KINDS["gfp"].measure
    same = [i for i, value in enumerate(KINDS["gfp"].values) if value & GFP_BITS == GFP_ACCOUNT]
    for a, b in itertools.pairwise(same):
        assert weights[a] * default[b] == weights[b] * default[a]


@pytest.mark.parametrize(
    ("window", "pattern"),
    [
        ([[0, 0], [0, 0], [0, 0]], PLACE_LOCAL),
        ([[1, 1], [1, 1], [0, 0]], PLACE_RUNS),
        ([[0, 1], [0, 1], [0, 0]], PLACE_PRESSED),
        ([[0, 1], [0, 0], [0, 0]], PLACE_INDEPENDENT),
    ],
)
def test_patterns_of_windows(window: list[list[int]], pattern: int) -> None:
    """Two CPUs of one node, one of another; steps along the zonelist by CPU."""
    assert pattern_of(window, [7, 7, 9]) == pattern


PAGE = 4096


def made(cg: int, parent: int, pages: int | None, known: bool = True) -> op.MkCgroup:
    return op.MkCgroup(0, cg, f"/{cg}", parent, None if pages is None else PAGE * pages, known)


def test_headroom_is_the_least_of_the_ancestors() -> None:
    """3 pages under the parent's limit bind before 10 under its own; without a limit there is none."""
    limits = CgroupLimits()
    current: dict[int, int | None] = {2: PAGE * 7, 3: 0, 4: None}

    def room(cg: int) -> int | None:
        return headroom_pages(limits, cg, current, PAGE)

    for o in (made(2, op.ROOT, 10), made(3, 2, 10)):
        limits.follow(o)
    assert room(3) == 3
    limits.follow(op.SetMax(1, 2, None))
    limits.follow(op.SetMax(1, 3, PAGE * 10 + 1))
    assert room(3) == 10
    limits.follow(op.SetMax(1, 3, None))
    assert room(3) == -1
    limits.follow(op.SetMax(1, 2, PAGE))
    assert room(3) == 0
    assert [cut(pages) for pages in (-1, 0, 4, 63, 1 << 20)] == [-1, 0, 3, 16, 16384]


def test_unknown_headroom_is_not_the_lack_of_a_limit() -> None:
    """No memory.current under a limit, no mark of a cgroup or of its parent: not known."""
    limits = CgroupLimits()
    for o in (made(4, op.ROOT, 10), made(5, op.ROOT, None), made(6, 77, None, known=False)):
        limits.follow(o)
    assert [headroom_pages(limits, cg, {4: None}, PAGE) for cg in (4, 5, 6, 7)] == [None, -1, None, None]


def test_a_removed_cgroup_keeps_its_limit_until_the_snapshot() -> None:
    """Its allocations were made under a limit: they count as unknown, as do those after the last snapshot."""
    rows = {"/": CgroupRow(1, 0), "/8": CgroupRow(8, 0, PAGE)}
    operations = (
        made(8, op.ROOT, 9), made(9, op.ROOT, 9), alloc(1, 0, cg=8), alloc(2, 8, cg=9), alloc(3, 16, cg=9),
        op.RmCgroup(4, 9), op.SnapBegin(5, "one"), op.SnapEnd(6, "one"), alloc(7, 24, cg=8),
    )  # fmt: skip
    found = headrooms_of(operations, (Snapshot("one", rows),), PAGE)
    assert found == Headrooms(Counter({8: 1}), 3)
    assert found + found == Headrooms(Counter({8: 2}), 6)


def test_a_number_used_again_hides_who_was_below_it() -> None:
    """A child of 8 is removed, 8 too; a new 8 with another limit says nothing of the child's allocation."""
    operations = (
        made(8, op.ROOT, 9), made(9, 8, None), made(7, op.ROOT, 3), alloc(1, 0, cg=9), alloc(2, 8, cg=7),
        op.RmCgroup(3, 9), op.RmCgroup(4, 8), made(8, op.ROOT, None), op.SnapBegin(5, "one"), op.SnapEnd(6, "one"),
    )  # fmt: skip
    rows = {"/": CgroupRow(1, 0), "/7": CgroupRow(7, 0, PAGE), "/8": CgroupRow(8, 0, PAGE)}
    found = headrooms_of(operations, (Snapshot("one", rows),), PAGE)
    assert found == Headrooms(Counter({2: 1}), 1)


def test_parents_that_lead_round_end() -> None:
    """Numbers used again may make a cgroup its own ancestor: its headroom is then not known."""
    limits = CgroupLimits()
    for o in (made(8, op.ROOT, 9), made(9, 8, 9), made(8, 9, 9)):
        limits.follow(o)
    assert headroom_pages(limits, 9, {8: 0, 9: 0}, PAGE) is None


def test_halves_too_small_to_judge_are_named(recorded: Path) -> None:
    """A single run whose halves have fewer than 30 charged allocations each: said, and nothing held out."""
    counts = counts_of(RecordedRun.of_folder(recorded / SMALL).read())
    few = RunCounts(Counter({8: 29}), Counter({8: 29}), Counter({GFP_ACCOUNT: 29}), Counter({(3, 8, 0): 29}))
    found = calibrate("mine", {"whole": counts}, (few, counts))
    assert found.held_out == {}
    assert "second half: a half has 29 charged allocations, at least 30 are needed" in found.left_out


def test_what_snapshots_do_not_tell_is_said() -> None:
    """Without any, the table keeps its default weights; with some, the rest is counted."""
    size = RunCounts(Counter({8: 60}), Counter({8: 60}), Counter({GFP_ACCOUNT: 60}), Counter({(3, 8, 0): 60}))
    none, some = fit("mine", size), fit("mine", replace(size, headrooms=Headrooms(Counter({8: 40}), 20)))
    assert "max: snapshots of memory.current tell the headroom of 0" in " ".join(none.left_out)
    assert "max" in some.tables
    assert [words for words in some.left_out if words.startswith(("max", "headroom"))] == [
        "headroom: not known of 20 of 60 charged allocations, of runs with snapshots"
    ]


def test_halves_are_cut_at_the_middle_charged_allocation(recorded: Path) -> None:
    """Both halves together have every operation and every page; each has half of the charged allocations."""
    read = RecordedRun.of_folder(recorded / SMALL).read()
    assert read.placement is not None
    first, second = halves_of(read)
    assert first.operations + second.operations == read.operations
    assert first.placement is not None
    assert second.placement is not None
    assert first.placement.records + second.placement.records == read.placement.records
    charged = [
        sum(isinstance(o, op.AllocArea) and o.cg is not None for o in half.operations) for half in (first, second)
    ]
    assert charged == [2713, 2713]
