"""Laws that are enumerated lie inside the intervals of a report, of the full engine and of the fast sampler."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from narrowed import only
from placement_law import Rules, independent, size_bytes

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, OP_ALLOC
from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.campaign import RunFacts, gather
from percpu_fuzz.reports.figures.estimates import Sampled
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.strategies.draw.choices import (
    KIND_NAMES,
    KINDS,
    PLACE_INDEPENDENT,
    PLACE_LOCAL,
    kind_arrays,
)
from percpu_fuzz.strategies.draw.topologies import preset, single_family
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan

ONE = replace(preset("one-node"), first_room_bytes=0, first_start_bytes=0)  # no allocation lies in its first chunk
TWO = preset("two-node")
CASES, QS = 40_000, (0.5, 0.9, 0.99)
KNOWN = {  # machine, placement: mean and p50, p90, p99
    "one node": (ONE, PLACE_LOCAL, 1.1600, (1, 2, 3)),
    "two nodes, local": (TWO, PLACE_LOCAL, 1.1500, (1, 1, 4)),
    "two nodes, page by page": (TWO, PLACE_INDEPENDENT, 1.6241, (2, 2, 4)),
}


def law(machine: Topology, place: int) -> dict[int, float]:
    """Chance of each waste of one allocation of a size of the table, enumerated without the engine."""
    sizes, found = KINDS["size"], Counter[int]()
    for value, weight in zip(sizes.values, sizes.measure, strict=True):
        if not weight:
            continue
        size = size_bytes(value, machine.page_size)
        full = size * len(machine.cpus) + size // 4 * machine.ext_size
        precharge = -(-full // machine.page_size) + len(machine.nodes)
        local = Counter[int]()
        for cpu in machine.cpus:
            local[cpu.node] += size
        falls = {tuple(local.values()): 1.0}
        if place == PLACE_INDEPENDENT:
            falls = independent(machine, size, Rules(steps=tuple(KINDS["step"].measure)))
        for held_by, chance in falls.items():
            used = sum(-(-held // machine.page_size) for held in held_by)
            found[precharge - used] += chance * weight / sum(sizes.measure)
    return dict(sorted(found.items()))


def sample(machine: Topology, place: int, *, waste_only: bool) -> Sampled:
    """What a report says of 40,000 cases of one allocation, without limits and failures."""
    plan = Plan(VARIANTS["v2"], 31, single_family(machine), waste_only=waste_only)
    limits = only(
        place=(place,), tasks=(1,), ops=(2,), op=(OP_ALLOC,), gfp=(GFP_ACCOUNT,), memcgs=(1,), memcg=(1,), max=(-1,),
        user=(0,), irq=(0,), fail_populate=(0,), fail_create=(0,), fail_trylock=(0,), parent=(0,), cpu=(0,),
    )  # fmt: skip
    kinds, values, counts = kind_arrays()
    values[KIND_NAMES.index("ops"), 0] = 1  # the least of the table is two
    plan.tables[MEASUREMENT] = (kinds, values, counts, limits)
    batches = Batches(plan)
    outcome = batches.run(replace(batches.batch_of(MEASUREMENT, 0), cases=CASES))
    figures = Figures(gather([outcome], RunFacts(describe=plan.describe())))
    (found,) = figures.sampled
    return found


@pytest.mark.parametrize("waste_only", [False, True], ids=["full", "fast"])
@pytest.mark.parametrize("which", KNOWN)
def test_enumerated_laws_are_inside(which: str, waste_only: bool) -> None:
    """Mean and quantiles of the enumeration, by hand and by this file, lie within what a report prints.

    An interval errs with at most 5%, four of them with at most 20%; the seed is fixed, so the test does not vary.
    Controls: the mean of a law with one page more precharged is outside, and each quantile with three pages more.
    """
    machine, place, mean, quantiles = KNOWN[which]
    enumerated = law(machine, place)
    assert sum(value * chance for value, chance in enumerated.items()) == pytest.approx(mean, abs=5e-5)
    below = [min(v for v in enumerated if sum(c for u, c in enumerated.items() if u <= v) >= q) for q in QS]
    assert tuple(below) == quantiles
    tail = sample(machine, place, waste_only=waste_only).tails["waste_pages"]
    low, high = tail.mean_interval.low, tail.mean_interval.high
    assert low is not None
    assert high is not None
    assert low <= mean <= high < mean + 1
    for q, value in zip(QS, quantiles, strict=True):
        interval = tail.quantiles[q].interval
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low <= value <= interval.high
        assert not interval.low <= value + 3 <= interval.high


@pytest.mark.parametrize("which", KNOWN)
def test_both_samplers_say_the_same(which: str) -> None:
    """To the last figure: they draw the same cases."""
    machine, place, *_ = KNOWN[which]
    assert sample(machine, place, waste_only=False) == sample(machine, place, waste_only=True)
