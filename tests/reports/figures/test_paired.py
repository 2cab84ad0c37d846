"""Common random numbers: the paired difference by hand, its coverage, and what pairing gains on real variants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from few_cases import few_cases
from scipy.stats import binomtest, ttest_rel

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.reports.campaign import Campaign, RunFacts, gather
from percpu_fuzz.reports.figures.compare import paired, weighted_error
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.compare import compare_page
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan

Made = Callable[..., Campaign]


def of_batches(make: Made, batches: Sequence[tuple[str, int, dict[int, int]]], **changed: object) -> Figures:
    outcomes = [
        Outcome("measurement", k, f, cases, 1, 0, {"waste_pages": h}) for k, (f, cases, h) in enumerate(batches)
    ]
    return Figures(make(outcomes, **changed))


def test_the_difference_is_that_of_a_paired_test(make: Made) -> None:
    """One family of 12 batches: mean and interval are those of the paired t test on the batches' means."""
    rng = np.random.default_rng(3)
    shared, extra = rng.poisson(50, 12), rng.poisson(8, 12)
    describe = dict(make().describe) | {"families": {"few": 1}}
    a = of_batches(make, [("few", 20, {1: int(n)}) for n in shared], describe=describe)
    b = of_batches(make, [("few", 20, {1: int(n + m)}) for n, m in zip(shared, extra, strict=True)], describe=describe)
    found = paired(a, b)
    expected = ttest_rel((shared + extra) / 20, shared / 20).confidence_interval(0.95)
    assert found is not None
    assert found.batches == 12
    assert found.difference == pytest.approx(extra.mean() / 20)
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))


def test_families_weigh_by_their_weights() -> None:
    """By hand: 0.75 x 1 + 0.25 x 3; variances add by the squares of the shares; few batches give no error."""
    one, other = [0.0, 2.0] * 5, [2.0, 4.0] * 5
    mean, error, freedom = weighted_error([(0.75, one), (0.25, other)])
    variance = (10 / 9) / 10
    assert mean == pytest.approx(1.5)
    assert error == pytest.approx(math.sqrt((0.75**2 + 0.25**2) * variance))
    assert 9 < freedom < 18
    assert weighted_error([(0.75, one), (0.25, other[:9])])[1] is None


def test_other_numbers_are_not_paired(make: Made) -> None:
    """Another seed, other machines or a variant that precharges nothing: no paired difference."""
    batches = [("few", 20, {1: 5})] * 12
    a = of_batches(make, batches)
    assert paired(a, of_batches(make, batches)) is not None
    for changed in ({"seed": 8}, {"machines": {"few": "x"}}, {"variant": "base"}):
        assert paired(a, of_batches(make, batches, describe=dict(make().describe) | changed)) is None


def test_the_interval_covers(make: Made) -> None:
    """1,000 pairs of campaigns of 15 batches in two families with a true difference of 0.3: an interval of 95% is not
    rejected as covering less (exact test at 0.1%); the same without pairing covers more than 99.5%, being far too wide.
    """
    rng = np.random.default_rng(4)
    covered = loose = 0
    for _ in range(1000):
        rows = []
        for family in ("few", "many"):
            shared = rng.poisson(900, 15)
            rows += [(family, 300, int(n), int(n + m)) for n, m in zip(shared, rng.poisson(90, 15), strict=True)]
        a = of_batches(make, [(f, c, {1: n}) for f, c, n, _ in rows])
        b = of_batches(make, [(f, c, {1: n}) for f, c, _, n in rows])
        found = paired(a, b)
        assert found is not None
        assert found.interval.low is not None
        assert found.interval.high is not None
        assert found.unpaired.low is not None
        assert found.unpaired.high is not None
        covered += found.interval.low <= 0.3 <= found.interval.high
        loose += found.unpaired.low <= 0.3 <= found.unpaired.high
    assert binomtest(covered, 1000, 0.95, alternative="less").pvalue > 0.001
    assert loose > 995


def figures_of(variant: str) -> Figures:
    plan = make_plan(variant, 5, preset("two-node"))
    batches = Batches(plan)
    outcomes = [few_cases(batches, "measurement", k, 200) for k in range(12)]
    return Figures(gather(outcomes, RunFacts(describe=plan.describe())))


def test_variants_of_one_seed_are_compared_on_the_same_cases() -> None:
    """v2 and v2-exts on the same draws: the paired interval is narrower than half of the unpaired one, and is told."""
    a, b = figures_of("v2"), figures_of("v2-exts")
    found = paired(a, b)
    assert found is not None
    assert found.interval.high is not None
    assert found.unpaired.high is not None
    assert found.interval.high - found.difference < 0.5 * (found.unpaired.high - found.difference)
    text = page_text(compare_page(a, b))
    assert "common random numbers" in text
    assert max(map(len, text.splitlines())) <= 78
