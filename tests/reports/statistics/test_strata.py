"""Pooling over families with known weights and unequal numbers of cases, against enumeration."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest
from case_laws import pooled_mean

from percpu_fuzz.reports.statistics.intervals import Interval, clopper_pearson, quantile, zero_bound
from percpu_fuzz.reports.statistics.strata import Stratum, pooled_quantile, pooled_rate, pooled_zero_bound

SHARES = (Fraction(9, 10), Fraction(1, 10))


def binomial(n: int, k: int, p: Fraction) -> Fraction:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def inside(x: float, low: float | None, high: float | None) -> bool:
    return (low is None or low <= x) and (high is None or x <= high)


def test_a_pooled_rate_weighs_families_not_cases() -> None:
    """5 of 10 at weight 9/10 and 0 of 1,000 at 1/10: 0.45; the raw count (control) would say 5 of 1,010."""
    found = pooled_rate([(0.9, 10, 5), (0.1, 1000, 0)])
    assert found.rate == pytest.approx(0.45)
    assert found.rate > 50 * 5 / 1010


def test_pooled_rates_cover_where_raw_counts_do_not() -> None:
    """Exact enumeration over both families' counts: at least 95%.

    Control: Clopper-Pearson on the raw counts, which mixes by cases, covers the weighted rate in less than half.
    """
    n, p, shares = (6, 40), (Fraction(3, 10), Fraction(1, 20)), (Fraction(7, 10), Fraction(3, 10))
    truth = float(sum(w * r for w, r in zip(shares, p, strict=True)))
    covered, raw = Fraction(0), Fraction(0)
    for k in product(range(n[0] + 1), range(n[1] + 1)):
        weight = binomial(n[0], k[0], p[0]) * binomial(n[1], k[1], p[1])
        found = pooled_rate([(float(shares[i]), n[i], k[i]) for i in (0, 1)]).interval
        mixed = clopper_pearson(sum(k), sum(n))
        covered += weight * inside(truth, found.low, found.high)
        raw += weight * inside(truth, mixed.low, mixed.high)
    assert covered >= Fraction(95, 100)
    assert raw < Fraction(1, 2)


def test_a_family_without_cases_leaves_its_weight_open() -> None:
    """0 of 1,000 in a family of weight 0.9, none in the other: between 0 and something above 0.1."""
    found = pooled_rate([(0.9, 1000, 0), (0.1, 0, 0)])
    assert found.rate == 0
    assert found.interval.high == pytest.approx(0.1, abs=0.01)
    assert pooled_zero_bound([(0.9, 1000), (0.1, 0)]) == pytest.approx(0.1 + 0.9 * zero_bound(1000))
    assert pooled_zero_bound([(0.5, 0), (0.5, 0)]) == 1


def test_the_bound_after_nothing_is_the_plain_one_where_cases_follow_weights() -> None:
    """In proportion, all families are worst at the same rate: 1 - 0.05^(1/n) with n all cases together."""
    assert pooled_zero_bound([(1.0, 59)]) == pytest.approx(zero_bound(59))
    assert pooled_zero_bound([(0.75, 300), (0.25, 100)]) == pytest.approx(zero_bound(400))


@pytest.mark.parametrize(("shares", "cases"), [((0.9, 0.1), (200, 10)), ((0.7, 0.3), (203, 88))])
def test_the_bound_after_nothing_is_the_worst_over_all_rates(
    shares: tuple[float, float], cases: tuple[int, int]
) -> None:
    """No pair of rates on a fine grid that shows nothing with at least 5% has a larger weighted rate; one gets close.

    The first pair puts all into the family with few cases, the second splits it between both.
    """
    bound = pooled_zero_bound(list(zip(shares, cases, strict=True)))
    worst, top = 0.0, zero_bound(cases[1])
    for i in range(4001):
        p = top * i / 4000
        rest = min(0.0, math.log(0.05) - cases[1] * math.log1p(-p))
        worst = max(worst, shares[1] * p - shares[0] * math.expm1(rest / cases[0]))
    assert worst <= bound + 1e-12
    assert bound == pytest.approx(worst, rel=1e-5)


def test_the_bound_after_nothing_grows_with_a_neglected_family() -> None:
    """10 of 210 cases in a family of weight 1/10 bound more than 1.5 times what 210 cases in proportion would."""
    assert pooled_zero_bound([(0.9, 200), (0.1, 10)]) > 1.5 * zero_bound(210)


def brute_quantile(strata: list[Stratum], q: Fraction) -> int:
    """The weighted quantile by sorting every probe with its exact weight share / cases."""
    probes = sorted(
        (value, Fraction(s.share).limit_denominator(1000) / s.cases)
        for s in strata
        for value, n in s.histogram.items()
        for _ in range(n)
    )
    total, passed = sum(weight for _, weight in probes), Fraction(0)
    for value, weight in probes:
        passed += weight
        if passed >= q * total:
            return value
    raise AssertionError


@pytest.mark.parametrize("q", [Fraction(1, 10), Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)])
def test_pooled_quantiles_equal_enumeration(q: Fraction) -> None:
    """Three families of unequal weight, cases and share of charged probes; every quantile as by sorting all probes."""
    strata = [
        Stratum(0.6, 20, {1: 4, 2: 5, 3: 1}),
        Stratum(0.3, 200, {2: 100, 4: 60, 5: 40}),
        Stratum(0.1, 7, {6: 3, 9: 1}),
    ]
    found = pooled_quantile(strata, float(q))
    assert found is not None
    assert found.value == brute_quantile(strata, q)


def test_pooled_waste_differs_from_the_raw_histogram() -> None:
    """10 probes of 1 page at weight 9/10, 1,000 of 9 pages at 1/10: median 1, mean 1.8; raw (control): 9 and 8.9."""
    strata = [Stratum(0.9, 10, {1: 10}), Stratum(0.1, 1000, {9: 1000})]
    median, mean = pooled_quantile(strata, 0.5), pooled_mean(strata)
    assert median is not None
    assert mean is not None
    assert median.value == 1
    assert mean[0] == pytest.approx(1.8)
    raw = {1: 10, 9: 1000}
    assert quantile(raw, 0.5).value == 9
    assert sum(v * n for v, n in raw.items()) / 1010 == pytest.approx(8.92, abs=0.01)


def test_families_count_by_the_probes_that_a_drawn_case_would_charge() -> None:
    """Half of one family's probes are charged, all of the other's: the first weighs 1/3 of the charged, not 1/2."""
    mean = pooled_mean([Stratum(0.5, 100, {3: 50}), Stratum(0.5, 40, {9: 40})])
    assert mean is not None
    assert mean[0] == pytest.approx(3 / 3 + 9 * 2 / 3)


def test_pooled_quantile_intervals_cover_where_raw_ones_do_not() -> None:
    """Values 1 and 2 in two families of 30 and 90 cases, all outcomes by exact chance: at least 95% cover the median.

    Control: the order-statistic interval of the raw histogram covers in less than 5%.
    """
    shares, n, ones = (0.6, 0.4), (30, 90), (Fraction(19, 20), Fraction(1, 20))
    truth = 1  # weighted P(1) = 0.59; of the raw cases only 0.275
    covered, raw = Fraction(0), Fraction(0)
    for a in product(range(n[0] + 1), range(n[1] + 1)):
        weight = binomial(n[0], a[0], ones[0]) * binomial(n[1], a[1], ones[1])
        if weight < Fraction(1, 10**9):
            continue
        strata = [Stratum(shares[i], n[i], {v: c for v, c in ((1, a[i]), (2, n[i] - a[i])) if c}) for i in (0, 1)]
        found = pooled_quantile(strata, 0.5)
        assert found is not None
        covered += weight * inside(truth, found.interval.low, found.interval.high)
        plain = quantile({v: c for v, c in ((1, sum(a)), (2, sum(n) - sum(a))) if c}, 0.5).interval
        raw += weight * inside(truth, plain.low, plain.high)
    assert covered >= Fraction(95, 100)
    assert raw < Fraction(5, 100)


def test_pooled_quantile_intervals_narrow_to_the_truth() -> None:
    """With 100,000 cases a family and the median well inside a value, both ends are that value."""
    strata = [
        Stratum(0.5, 100_000, {1: 20_000, 2: 60_000, 3: 20_000}),
        Stratum(0.5, 100_000, {2: 90_000, 4: 10_000}),
    ]
    found = pooled_quantile(strata, 0.5)
    assert found is not None
    assert (found.interval.low, found.value, found.interval.high) == (2, 2, 2)


def test_a_high_quantile_stays_open_while_a_heavy_family_has_few_cases() -> None:
    """One family of weight 1/10 with 3 cases may hide anything: p99 has no upper end, p50 has both."""
    strata = [Stratum(0.9, 100_000, {1: 50_000, 2: 50_000}), Stratum(0.1, 3, {1: 3})]
    high, middle = pooled_quantile(strata, 0.99), pooled_quantile(strata, 0.3)
    assert high is not None
    assert middle is not None
    assert high.interval.high is None
    assert (middle.interval.low, middle.interval.high) == (1, 1)


def test_without_a_probe_there_is_no_estimate() -> None:
    """Cases without a charged probe give neither quantile nor mean."""
    assert pooled_quantile([Stratum(1.0, 100, {})], 0.5) is None
    assert pooled_mean([Stratum(1.0, 100, {})]) is None


def test_the_pooled_mean_of_one_family_has_the_plain_normal_interval() -> None:
    """One family, every probe charged: mean +- 1.95996 s / sqrt(n), s with n - 1; open below 30 cases."""
    mean = pooled_mean([Stratum(1.0, 400, {1: 200, 3: 200})])
    assert mean is not None
    half = 1.959964 * math.sqrt(400 / 399) / 20
    assert (mean[1].low, mean[1].high) == pytest.approx((2 - half, 2 + half), abs=1e-6)
    few = pooled_mean([Stratum(0.5, 400, {1: 400}), Stratum(0.5, 29, {1: 29})])
    assert few is not None
    assert few[1].low is None


def test_a_pooled_mean_that_few_cases_decide_has_no_interval() -> None:
    """A family of rare large values opens the interval for all, until there are some 25 of them; so does one value."""
    calm = Stratum(0.9, 4_000, {1: 2_000, 2: 2_000})
    for rare, opened in ((5, True), (40, False)):
        found = pooled_mean([calm, Stratum(0.1, 4_000, {0: 4_000 - rare, 1_000: rare})])
        assert found is not None
        assert (found[1] == Interval(None, None)) is opened
    flat = pooled_mean([Stratum(0.5, 100, {3: 100}), Stratum(0.5, 100, {3: 100})])
    assert flat == (3.0, Interval(None, None))
