"""Coverage of the certificate's bounds by simulation: 2,000 campaigns each, drawn from a truth that is known.

A bound with nominal 95% passes unless the exact one-sided test at 0.1% says that it covers less. A control beside each
shows that the simulation would notice: the seeds are fixed, and with one chosen blindly a bound that covers exactly
95% fails once in 1,000.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import bdtr

from percpu_fuzz.reports.evidence import Features
from percpu_fuzz.reports.figures.certificate import hit_chance, share_at_most
from percpu_fuzz.reports.statistics.anytime import anytime_high
from percpu_fuzz.reports.statistics.intervals import rate_high

CAMPAIGNS = 2_000
LEVEL = 0.95
REJECTED = 0.001


def too_few(covered: int, campaigns: int = CAMPAIGNS) -> bool:
    """Whether so few of the campaigns being covered rejects a coverage of 95% or more."""
    return float(bdtr(covered, campaigns, LEVEL)) < REJECTED


def fixed_high(k: int, n: int) -> float:
    return rate_high(k, n, 1 - LEVEL)


def test_the_test_itself() -> None:
    """1,868 of 2,000 is the least that is not rejected: the normal approximation says 1,900 - 3.09 * 9.75 = 1,870."""
    assert not too_few(1_900)
    least = next(covered for covered in range(1_800, 1_900) if not too_few(covered))
    assert abs(least - 1_869) <= 2


RATES = (0.0005, 0.002, 0.006)  # of three families in turn, a batch each
BATCH, LOOKS = 200, 60
TRUTH = np.cumsum(np.tile(RATES, LOOKS // 3)) / np.arange(1, LOOKS + 1)  # average rate of the cases at each look


def least_covering(bound: Any) -> Any:
    """At each look the smallest number of violations whose bound reaches the truth."""
    least = []
    for look in range(LOOKS):
        n = (look + 1) * BATCH
        least.append(next(k for k in range(n) if bound(k, n) >= TRUTH[look]))
    return np.array(least)


@pytest.fixture(scope="module")
def violations() -> Any:
    """Violations counted at each look, of each campaign."""
    rng = np.random.default_rng(41)
    by_batch = rng.binomial(BATCH, np.tile(RATES, LOOKS // 3), size=(CAMPAIGNS, LOOKS))
    return np.cumsum(by_batch, axis=1)


def test_the_exact_bound_covers_at_a_fixed_number(violations: Any) -> None:
    """One look at the end, families with rates that differ twelvefold. Control: without the 95%'s due it fails."""
    assert not too_few(int((violations[:, -1] >= least_covering(fixed_high)[-1]).sum()))
    assert too_few(int((violations[:, -1] >= least_covering(lambda k, n: rate_high(k, n, 0.15))[-1]).sum()))


def test_the_anytime_bound_covers_at_every_look(violations: Any) -> None:
    """Looked at after every batch, it holds at all of them. Control: the exact bound for a fixed number does not."""
    assert not too_few(int((violations >= least_covering(anytime_high)).all(axis=1).sum()))
    assert too_few(int((violations >= least_covering(fixed_high)).all(axis=1).sum()))


def pct_campaigns(bound: Any, seed: int) -> int:
    """Campaigns whose bound covers the share of scenarios that hold a bug, where PCT hits no oftener than it must."""
    rng, covered = np.random.default_rng(seed), 0
    for _ in range(CAMPAIGNS):
        share = 10 ** rng.uniform(-2.5, -0.5)
        runs = int(rng.uniform(0.5, 8) / share / hit_chance(3, 20, 2))
        found = int(rng.binomial(runs, share * hit_chance(3, 20, 2)))
        high = bound(3, 20, 2, runs, found)
        covered += high is None or high >= share
    return covered


def test_the_share_of_scenarios_with_a_bug_is_covered() -> None:
    """PCT's bound (b) with shares from 0.3% to 30%. Control: at half the runs' due it fails."""
    assert not too_few(pct_campaigns(share_at_most, 42))
    assert too_few(pct_campaigns(lambda n, k, d, runs, found: share_at_most(n, k, d, 2 * runs, found), 42))


def test_own_sizes_in_place_of_caps_do_not_cover() -> None:
    """Why caps: bugs that live in large programs only escape a bound that sums each run's own 1 / (n k^(d-1)).

    Of the scenarios 1% are of 3 tasks and 20 steps and hold the bug; the others are of 2 tasks and 4 steps.
    """
    rng, share, runs = np.random.default_rng(43), 0.01, 4_000
    large = rng.binomial(runs, share, size=CAMPAIGNS)
    found = rng.binomial(large, hit_chance(3, 20, 2)) > 0
    own = large * hit_chance(3, 20, 2) + (runs - large) * hit_chance(2, 4, 2)
    assert too_few(int((found | (-math.log(0.05) / own >= share)).sum()))
    capped = share_at_most(3, 20, 2, runs)
    assert capped is not None
    assert not too_few(int((found | (capped >= share)).sum()))


FEATURES, CASES, BATCHES = 120, 30, 8
POWER = 0.5 / np.arange(1, FEATURES + 1) ** 1.3  # how often a case holds each feature: few are common, most are rare


def feature_batch(features: Features, k: int, held: Any) -> None:
    """Fold a batch as a campaign does: features of one case with that case, those of several without."""
    cases_with = held.sum(axis=0)
    once = {int(f): int(np.flatnonzero(held[:, f])[0]) for f in np.flatnonzero(cases_with == 1)}
    features.add(k, len(held), once, tuple(np.flatnonzero(cases_with > 1).tolist()))


def chance_of_something_new(seen: Any) -> float:
    return float(1 - np.prod(1 - POWER[~seen]))


@pytest.fixture(scope="module")
def discoveries() -> Any:
    """Of each campaign: lone cases, discoveries of the later half, and the chance that one more case is new."""
    rng, rows = np.random.default_rng(44), []
    for _ in range(CAMPAIGNS):
        held = rng.random((BATCHES * CASES, FEATURES), dtype=np.float32) < POWER
        features = Features()
        for k in range(BATCHES):
            feature_batch(features, k, held[k * CASES : (k + 1) * CASES])
        later = sum(found for _, found in features.found[BATCHES // 2 :])
        rows.append((features.lone_cases, later, chance_of_something_new(held.any(axis=0))))
    return np.array(rows)


def test_the_chance_of_something_new_is_covered(discoveries: Any) -> None:
    """The bound for what one more case shows. Control: from a quarter of its discoveries it would not cover."""
    half = BATCHES * CASES // 2
    for share, fails in ((1.0, False), (0.25, True)):
        high = np.array([anytime_high(int(share * found), half) for _, found, _ in discoveries])
        assert too_few(int((high >= discoveries[:, 2]).sum())) is fails


def test_goods_estimate_is_unbiased(discoveries: Any) -> None:
    """Its mean is the mean chance before the last case, at most 1 / (n e) of a feature above the one after it.

    Four standard errors: a right estimator fails once in 15,000. Control: three quarters of it are rejected.
    """
    cases = BATCHES * CASES
    estimate, truth = discoveries[:, 0] / cases, discoveries[:, 2]
    error = 4 * float(np.std(estimate - truth)) / math.sqrt(CAMPAIGNS)
    slack = float((POWER**2 * (1 - POWER) ** (cases - 1)).sum())  # what the last case adds to what has been seen
    difference = float(np.mean(estimate - truth))
    assert -error <= difference <= slack + error
    assert float(np.mean(0.75 * estimate - truth)) < -error
