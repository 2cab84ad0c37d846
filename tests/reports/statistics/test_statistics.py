"""Intervals of one sample against closed forms and enumeration; each with a control that must fail."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest
from case_laws import normal_interval

from percpu_fuzz.reports.statistics.intervals import (
    OPEN,
    clopper_pearson,
    least_squares,
    moments,
    quantile,
    quantile_ranks,
    rank_of,
    spearman,
    value_at_rank,
    zero_bound,
)
from percpu_fuzz.reports.statistics.strata import Stratum, weighted_mean


def chance(n: int, k: int, p: Fraction) -> Fraction:
    """P(Bin(n, p) = k), exact."""
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def at_most(n: int, k: int, p: Fraction) -> Fraction:
    return sum((chance(n, i, p) for i in range(k + 1)), Fraction(0))


@pytest.mark.parametrize("n", [1, 2, 5, 30, 178, 400])
@pytest.mark.parametrize("q", [Fraction(1, 2), Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000)])
def test_each_end_of_a_quantile_interval_errs_with_at_most_a_fortieth(n: int, q: Fraction) -> None:
    """Exact binomial: each end errs with at most 2.5%, and the next rank inward would err with more (the control)."""
    low, high = quantile_ranks(n, float(q))
    tail = Fraction(1, 40)
    if low is None:
        assert at_most(n, 0, q) > tail
    else:
        assert at_most(n, low - 1, q) <= tail < at_most(n, low, q)
    if high is None:
        assert 1 - at_most(n, n - 1, q) > tail
    else:
        assert 1 - at_most(n, high - 1, q) <= tail < 1 - at_most(n, high - 2, q)


def test_a_small_sample_bounds_a_high_quantile_from_below_only() -> None:
    """p99 needs 368 cases for an upper end: 0.99^367 > 2.5% >= 0.99^368; with fewer the end is open."""
    assert quantile_ranks(367, 0.99)[1] is None
    assert quantile_ranks(368, 0.99)[1] == 368


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_quantile_intervals_of_a_discrete_distribution_cover(q: float) -> None:
    """All samples of 12 from three values, with their exact chances: the interval covers at least 95%.

    Control: the estimate alone, taken as an interval, covers less.
    """
    p = (Fraction(45, 100), Fraction(46, 100), Fraction(9, 100))
    truth = 2
    assert float(p[0]) < q <= float(p[0] + p[1])
    covered, bare = Fraction(0), Fraction(0)
    for a, b in product(range(13), repeat=2):
        if a + b > 12:
            continue
        c = 12 - a - b
        weight = math.comb(12, a) * math.comb(12 - a, b) * p[0] ** a * p[1] ** b * p[2] ** c
        found = quantile({value: n for value, n in ((1, a), (2, b), (3, c)) if n}, q)
        low, high = found.interval.low, found.interval.high
        if (low is None or low <= truth) and (high is None or truth <= high):
            covered += weight
        if found.value == truth:
            bare += weight
    assert covered >= Fraction(95, 100)
    assert bare < Fraction(95, 100)


def test_the_estimate_is_the_smallest_value_that_enough_of_the_sample_reaches() -> None:
    """The median of an even sample is the lower of the middle two; 999 of 1000 is rank 999, not 1000."""
    assert quantile({1: 2, 5: 2}, 0.5).value == 1
    assert quantile({1: 1, 5: 2}, 0.5).value == 5
    assert rank_of(1000, 0.999) == 999
    assert quantile({1: 999, 7: 1}, 0.999).value == 1
    assert quantile({1: 998, 7: 2}, 0.999).value == 7
    with pytest.raises(ValueError, match="rank 3 of 2"):
        value_at_rank({1: 2}, 3)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.30850), (5, 10, 0.18709, 0.81291), (1, 20, 0.00127, 0.24873), (10, 10, 0.69150, 1.0)],
)
def test_clopper_pearson_gives_the_textbook_values(k: int, n: int, low: float, high: float) -> None:
    """Tabled two-sided 95% intervals, and scipy's own exact test to ten digits."""
    from scipy.stats import binomtest

    found = clopper_pearson(k, n)
    other = binomtest(k, n).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-6)
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=1e-10, abs=1e-12)


def coverage(interval_of: object, n: int, p: Fraction) -> Fraction:
    total = Fraction(0)
    for k in range(n + 1):
        low, high = interval_of(k, n)  # type: ignore[operator]
        if low <= p <= high:
            total += chance(n, k, p)
    return total


def test_clopper_pearson_covers_where_the_normal_interval_does_not() -> None:
    """Exact coverage at n = 20, p = 1/20: at least 95%; the normal interval (control) covers less than two thirds."""

    def exact(k: int, n: int) -> tuple[float, float]:
        found = clopper_pearson(k, n)
        assert found.low is not None
        assert found.high is not None
        return found.low, found.high

    def normal(k: int, n: int) -> tuple[float, float]:
        half = 1.96 * math.sqrt(k / n * (1 - k / n) / n)
        return k / n - half, k / n + half

    p = Fraction(1, 20)
    assert coverage(exact, 20, p) >= Fraction(95, 100)
    assert coverage(normal, 20, p) < Fraction(2, 3)


def test_clopper_pearson_covers_the_average_of_unequal_rates() -> None:
    """Ten cases at rate 3/5 and ten at 0: the interval of k of 20 covers their average, 3/10, with at least 95%."""
    average, covered = 0.3, Fraction(0)
    for k in range(11):
        found = clopper_pearson(k, 20)
        assert found.low is not None
        assert found.high is not None
        if found.low <= average <= found.high:
            covered += chance(10, k, Fraction(3, 5))
    assert covered >= Fraction(95, 100)


@pytest.mark.parametrize("n", [1, 59, 38_000])
def test_no_violation_in_n_cases_leaves_its_one_sided_bound(n: int) -> None:
    """At the bound, nothing is seen in n cases with a chance of exactly 5%; it is below the two-sided end."""
    bound = zero_bound(n)
    assert (1 - bound) ** n == pytest.approx(0.05, rel=1e-9)
    assert bound < (clopper_pearson(0, n).high or 0)


def test_the_mean_has_its_standard_error_and_none_for_few_cases() -> None:
    """30 cases, half 1 and half 3: mean 2, deviation sqrt(30/29), error sqrt(1/29); 29 cases give no error."""
    n, mean, deviation = moments({1: 15, 3: 15})
    assert (n, mean) == (30, 2.0)
    assert deviation == pytest.approx(math.sqrt(30 / 29))
    assert weighted_mean([Stratum(1.0, 30, {1: 15, 3: 15})]) == pytest.approx((2, math.sqrt(1 / 29)))
    assert weighted_mean([Stratum(1.0, 29, {1: 15, 3: 14})]) == (57 / 29, None)


def test_least_squares_finds_the_plane_through_exact_points() -> None:
    """y = 2 nodes + 3 CPUs + 1 comes back; with the roles of x and z changed it does not (control)."""
    points = [(x, z, 2 * x + 3 * z + 1) for x, z in [(1, 1), (2, 5), (3, 2), (7, 7), (4, 1)]]
    assert least_squares(points) == pytest.approx((2, 3, 1))
    swapped = [(z, x, y) for x, z, y in points]
    assert least_squares(swapped) == pytest.approx((3, 2, 1))


def test_rank_correlation_sees_order_only() -> None:
    """1 for any growing relation, -1 for any falling one, and nothing for a constant."""
    assert spearman([1, 2, 3, 4], [1, 8, 9, 1000]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [9, 8, 3, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4], [5, 5, 5, 5]) is None


def test_a_mean_that_few_cases_decide_has_no_interval() -> None:
    """Three large values among 500 zeros, or one value only: no normal interval. At Cochran's n > 25 G1^2 it begins.

    Of k ones among n cases G1 is near sqrt(n / k) while k is small, so 25 of them are what it takes.
    """
    assert normal_interval({0: 497, 400: 3}) == OPEN
    assert normal_interval({7: 500}) == OPEN
    assert normal_interval({0: 100_000 - 24, 1: 24}) == OPEN
    assert normal_interval({0: 100_000 - 26, 1: 26}).low is not None
