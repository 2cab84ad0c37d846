"""Goodness of fit against closed forms, and a control that must not fit."""

from __future__ import annotations

import pytest
from scipy.stats import chi2, power_divergence

from percpu_fuzz.strategies.draw.goodness import distance, goodness


def test_distance_of_known_tables() -> None:
    """0 for proportional weights, 1 for tables without a common value, else half the sum of differences."""
    assert distance({1: 2, 2: 6}, {1: 1, 2: 3}) == 0
    assert distance({1: 5}, {2: 7}) == 1
    assert distance({1: 1, 2: 1}, {1: 3, 2: 1}) == pytest.approx(0.25)


def test_g_and_p_are_scipys() -> None:
    """G, degrees of freedom, p and w of counts against weights, one number fitted."""
    observed, weights = {0: 30, 1: 50, 2: 20}, {0: 1.0, 1: 2.0, 2: 1.0}
    found = goodness(observed, weights, 1)
    expected = [25, 50, 25]
    assert found.g == pytest.approx(power_divergence([30, 50, 20], expected, lambda_="log-likelihood").statistic, 1e-5)
    assert (found.n, found.cells, found.df) == (100, 3, 1)
    assert found.g is not None
    assert found.p == pytest.approx(chi2.sf(found.g, 1), 1e-4)
    assert found.w == pytest.approx((2 * 0.05**2 / 0.25) ** 0.5, 1e-5)


def test_what_a_fit_excludes_has_a_distance_only() -> None:
    """A counted value of weight 0 would make G infinite; the distance still says how much."""
    found = goodness({1: 9, 2: 1}, {1: 1.0}, 0, {1: 1.0, 2: 1.0})
    assert (found.distance, found.default_distance) == (0.1, 0.4)
    assert found.g is found.p is found.w is found.df is None


def test_a_table_that_was_fitted_leaves_nothing_to_test() -> None:
    """As many fitted numbers as free cells: no degree of freedom, no p. Control: unfitted, a bad table is refused."""
    assert goodness({1: 7, 2: 3}, {1: 7.0, 2: 3.0}, 1).p is None
    bad = goodness({1: 700, 2: 300}, {1: 5.0, 2: 5.0}, 0)
    assert bad.p is not None
    assert bad.p < 1e-30
