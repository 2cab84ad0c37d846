"""Intervals of means: Bernstein's for bounded values, the bootstrap's for others, both by simulation with a control."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from case_laws import pooled_mean
from stored_campaigns import too_few

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.figures.families import apart, families_of
from percpu_fuzz.reports.quantities import IN_FLIGHT, ROUNDING, SHARE, WASTE
from percpu_fuzz.reports.statistics.bernstein import bounded_mean, part_of
from percpu_fuzz.reports.statistics.bootstrap import resampled_difference, resampled_mean
from percpu_fuzz.reports.statistics.intervals import Interval
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Stratum

CAMPAIGNS = 400
SHARES, CASES, MOST = (0.9, 0.1), (400, 60), (8, 40)
CHARGED = (0.5, 0.8)
LAWS = ((0.5, 0.3, 0.19, 0.01), (0.9, 0.05, 0.04, 0.01))  # of values 0, 1/8, 1/2 and all of MOST


def values(family: int) -> Any:
    return np.array([0, MOST[family] // 8, MOST[family] // 2, MOST[family]])


def truth() -> float:
    means = [float(np.dot(LAWS[f], values(f))) for f in (0, 1)]
    charged = [share * c for share, c in zip(SHARES, CHARGED, strict=True)]
    return float(np.dot(charged, means) / sum(charged))


def campaigns(seed: int) -> Any:
    """Strata of campaigns of two families, values and whether the probe was charged at random."""
    rng = np.random.default_rng(seed)
    for _ in range(CAMPAIGNS):
        strata = []
        for f in (0, 1):
            probes = int(rng.binomial(CASES[f], CHARGED[f]))
            counts = rng.multinomial(probes, LAWS[f]).tolist()
            histogram = {v: k for v, k in zip(values(f).tolist(), counts, strict=True) if k}
            strata.append(Stratum(SHARES[f], CASES[f], histogram, MOST[f]))
        yield strata


def holds(interval: Interval, value: float) -> bool:
    return (interval.low is None or interval.low <= value) and (interval.high is None or value <= interval.high)


def test_bernsteins_interval_covers() -> None:
    """Two families, one of 60 cases with rare values of 40: at least 95%, and never open. Control: what is a
    tenth as wide about the estimate covers less.
    """
    held = narrow = 0
    for strata in campaigns(1):
        found = mean_of(strata)
        assert found is not None
        mean, interval = found
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low <= mean <= interval.high
        held += holds(interval, truth())
        reach = (interval.high - interval.low) / 20
        narrow += abs(mean - truth()) <= reach
    assert not too_few(held, CAMPAIGNS)
    assert too_few(narrow, CAMPAIGNS)


def test_it_is_not_far_from_the_normal_one_where_cases_are_many() -> None:
    """A million cases: 1.4 to 1.6 times as wide, the price of holding for any distribution; at 1,000 up to 4 times."""
    for cases, most in ((1_000_000, 1.6), (1_000, 4.0)):
        histogram = {1: cases // 4, 3: cases // 4}
        normal = pooled_mean([Stratum(1.0, cases, histogram)])
        found = bounded_mean([part_of(1.0, cases, histogram, 10)])
        assert normal is not None
        assert normal[1].high is not None
        assert normal[1].low is not None
        assert found.high is not None
        assert found.low is not None
        assert 1.4 < (found.high - found.low) / (normal[1].high - normal[1].low) < most


def test_a_family_of_few_cases_counts_by_its_range() -> None:
    """By hand: weight 1/100, no case, values 0..1,000 beside a constant of 2: the most is (2 x 99 + 1,000) / 100."""
    calm = part_of(0.99, 10_000_000, {2: 10_000_000}, 4)
    interval = bounded_mean([calm, part_of(0.01, 0, {}, 1_000)])
    assert interval.low == pytest.approx(2 * 0.99, abs=1e-2)
    assert interval.high == pytest.approx((2 * 0.99 + 1_000 * 0.01), abs=1e-2)
    assert bounded_mean([part_of(1.0, 5, {3: 5}, 7)]) == Interval(0.0, 7.0)
    assert bounded_mean([part_of(1.0, 500, {}, 7)]) == Interval(0.0, 7)


def test_the_bootstrap_covers_where_it_gives_an_interval() -> None:
    """Unbounded values, of which few decide nothing: not rejected, and nearly never open. Control: half as wide is."""
    held = half = opened = 0
    rng = np.random.default_rng(3)
    for _ in range(CAMPAIGNS):
        sample, numbers = np.unique(rng.geometric(0.3, 300), return_counts=True)
        found = resampled_mean([Stratum(1.0, 300, dict(zip(sample.tolist(), numbers.tolist(), strict=True)))])
        if found is None or found.low is None or found.high is None:
            opened += 1
            continue
        held += holds(found, 1 / 0.3)
        middle, reach = (found.low + found.high) / 2, (found.high - found.low) / 4
        half += abs(middle - 1 / 0.3) <= reach
    assert opened < 0.05 * CAMPAIGNS
    assert not too_few(held, CAMPAIGNS - opened)
    assert too_few(half, CAMPAIGNS - opened)
    assert resampled_mean([Stratum(1.0, 500, {0: 497, 400: 3})]) is None


def test_the_bootstrap_agrees_with_the_normal_interval_and_with_itself() -> None:
    """Many symmetric cases: within 5% of the normal ends. The same strata give the same ends, others do not."""
    strata = [Stratum(0.6, 40_000, {1: 9_000, 3: 9_000}), Stratum(0.4, 40_000, {2: 30_000, 6: 5_000})]
    found, normal = resampled_mean(strata), pooled_mean(strata)
    assert found is not None
    assert normal is not None
    assert found == resampled_mean(strata)
    assert found.low is not None
    assert normal[1].low is not None
    assert found.low - normal[0] == pytest.approx(normal[1].low - normal[0], rel=0.1)
    more = [strata[0], Stratum(0.4, 40_000, {2: 30_000, 6: 5_001})]
    assert resampled_mean(more) != found
    apart = resampled_difference(strata, more)
    assert apart is not None
    assert holds(apart, 0.0)
    far = resampled_difference(strata, [Stratum(1.0, 40_000, {9: 20_000, 10: 20_000})])
    assert far is not None
    assert not holds(far, 0.0)


def test_bounds_come_from_the_formula_and_the_machines(make: Any) -> None:
    """v2 on 4 nodes: 4 + 1 + 32 pages, of 64 bytes 4 + 1 + 1; base has none; rounding less than a page a node.

    A value beyond takes the bound away. Families on machines of over 64 nodes are named.
    """
    describe = {
        "variant": "v2",
        "seed": 7,
        "families": {"few": 3, "many": 1},
        "nodes": {"few": [1, 4], "many": [65, 99]},
    }
    v2 = VARIANTS["v2"]
    assert WASTE.bound({}, v2, 4) == 37
    assert WASTE.bound({}, v2, 4, 64) == 6
    assert SHARE.bound({}, v2, 4) == 100
    assert ROUNDING.bound({}, v2, 4) == 63
    assert IN_FLIGHT.bound({}, v2, 4) is None
    assert WASTE.bound({}, None, 4) is None
    assert WASTE.bound({0: 1, 37: 1}, v2, 4) == 37
    assert WASTE.bound({0: 1, 38: 1}, v2, 4) is None
    huge, others = apart(families_of(make(describe=describe)))
    assert [[family.name for family in found] for found in (huge, others)] == [["many"], ["few"]]
    assert apart(families_of(make())) == ([], [])
