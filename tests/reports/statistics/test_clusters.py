"""Cases are clusters of allocations: intervals that take the case as unit cover, and one that does not fails.

The exam lines `coverage` and `certificate-coverage` do the same with the engine's own cases, through the store.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from case_laws import normal_interval
from stored_campaigns import too_few

from percpu_fuzz.reports.statistics.intervals import Interval, moments, quantile

CAMPAIGNS, CASES, SIZE = 1_000, 200, 6  # SIZE allocations a case
NODES = np.array([1, 2, 2, 3, 4])  # a case's machine, all alike
PAGES = np.arange(4)  # of an allocation besides, all alike
MEAN = float(NODES.mean() + PAGES.mean())


def holds(interval: Interval, value: float) -> bool:
    return (interval.low is None or interval.low <= value) and (interval.high is None or value <= interval.high)


def histogram(values: Any) -> dict[int, int]:
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True))


@pytest.fixture(scope="module")
def campaigns() -> list[Any]:
    """(CASES, SIZE) pages wasted, of each campaign: the nodes of the case and pages of the allocation."""
    rng = np.random.default_rng(61)
    shape = (CAMPAIGNS, CASES, 1)
    return list(rng.choice(NODES, shape) + rng.choice(PAGES, (CAMPAIGNS, CASES, SIZE)))


def test_means_by_case_cover_and_by_allocation_do_not(campaigns: list[Any]) -> None:
    """One allocation a case, the probe: not rejected (a blind seed fails once in 1,000). All as units: below 80%."""
    probes = sum(holds(normal_interval(histogram(c[:, 0])), MEAN) for c in campaigns)
    units = sum(holds(normal_interval(histogram(c)), MEAN) for c in campaigns)
    assert not too_few(probes, CAMPAIGNS)
    assert units < 0.8 * CAMPAIGNS


def test_quantiles_by_case_cover(campaigns: list[Any]) -> None:
    """p50, p90 and p99 of the probe, whose true values are enumerated."""
    law = np.sort((NODES[:, None] + PAGES).ravel())
    for q in (0.5, 0.9, 0.99):
        true = int(law[math.ceil(len(law) * q - 1e-9) - 1])
        held = sum(holds(quantile(histogram(c[:, 0]), q).interval, true) for c in campaigns)
        assert not too_few(held, CAMPAIGNS)


def test_rare_large_values_are_not_given_a_normal_interval() -> None:
    """Where 1% of cases hold 16 to 2,048 bytes the mean's interval is open or holds; Student's, the control, fails."""
    rng = np.random.default_rng(62)
    held = plain = 0
    for _ in range(CAMPAIGNS):
        values = histogram((rng.random(300) < 0.01) * 2 ** rng.integers(4, 12, 300))
        mean = 0.01 * (2**12 - 2**4) / 8
        held += holds(normal_interval(values), mean)
        n, average, deviation = moments(values)
        plain += abs(average - mean) <= 1.968 * deviation / math.sqrt(n)
    assert not too_few(held, CAMPAIGNS)
    assert plain < 0.8 * CAMPAIGNS
