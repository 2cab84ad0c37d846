"""Confidence sequences: closed forms, coverage at every look over simulated streams, and the controls that fail."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import bdtr, bdtrc, ndtri, zeta
from scipy.stats import binomtest

from percpu_fuzz.reports.statistics.anytime import anytime_high, anytime_low, log_mixture, log_mixture_above
from percpu_fuzz.reports.statistics.anytime_mean import MeanSequence, mean_interval
from percpu_fuzz.reports.statistics.anytime_quantile import quantile_interval
from percpu_fuzz.reports.statistics.anytime_ratio import Balance, ratio_interval
from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.sequences import (
    ZETA_S,
    S,
    log_likelihood,
    log_ratio_limit,
    sequence_high,
    sequence_low,
    stitched,
)
from percpu_fuzz.reports.statistics.strata import Stratum

STREAMS, LOOKS, BATCH = 2000, 40, 25
TAIL, EACH = 0.025, 0.975
SHARES = (0.75, 0.25)
N = BATCH * np.arange(1, LOOKS + 1)


def held(missed: int) -> bool:
    """Whether so many streams of STREAMS being missed ever does not reject a coverage of 95% (exact, at 0.1%)."""
    return bool(binomtest(missed, STREAMS, 0.05, alternative="greater").pvalue > 0.001)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (3, 50), (1, 10**6), (400, 4000), (10**6 - 1, 10**6)])
def test_ends_of_a_rate_solve_their_equation(k: int, n: int) -> None:
    """At each end the mixture over the likelihood is 1 / tail; the ends enclose the sample's rate."""
    limit = log_ratio_limit(k, n, TAIL)
    low, high = sequence_low(k, n, TAIL), sequence_high(k, n, TAIL)
    for end in (low, high):
        if end not in (0.0, 1.0):
            assert log_likelihood(k, n, end) == pytest.approx(limit, rel=1e-3)
    assert (low == 0) == (k == 0)
    assert (high == 1) == (k == n)
    assert low <= k / n <= high


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 50), (400, 4000)])
def test_the_mixture_is_the_integral_over_arcsine_rates(k: int, n: int) -> None:
    """Its closed form against numerical integration over Beta(1/2, 1/2), uniform in the angle."""
    theta = np.sin(np.linspace(0, math.pi / 2, 400_001)[1:-1]) ** 2
    logs = k * np.log(theta) + (n - k) * np.log1p(-theta)
    mixed = logs.max() + math.log(np.exp(logs - logs.max()).mean())
    assert log_ratio_limit(k, n, 1.0) == pytest.approx(mixed, rel=1e-4)


@pytest.mark.parametrize(("k", "total"), [(1, 0.2), (5, 3.0), (40, 25.0)])
def test_the_mixture_from_below_is_its_integral(k: int, total: float) -> None:
    """Closed form against numerical integration over theta above 1."""
    theta = np.linspace(1, 60, 2_000_001)
    values = theta**k * np.exp((1 - theta) * (total + 1))
    assert log_mixture_above(k, total) == pytest.approx(math.log(np.trapezoid(values, theta)), rel=1e-6)


def test_bounds_of_changing_rates_enclose_the_sample() -> None:
    """Low ends solve their equation, grow with k, and are 0 where nothing bounds the rate from below."""
    assert anytime_low(0, 50) == 0.0
    assert anytime_low(1, 10**6) == 0.0
    assert log_mixture_above(30, 1000 * anytime_low(30, 1000, EACH)) == pytest.approx(-math.log(TAIL))
    assert anytime_low(30, 1000) < anytime_low(31, 1000) < 31 / 1000 < anytime_high(31, 1000)


def test_the_stitched_boundary_by_hand() -> None:
    """V = 100, scale 1, tail 0.025: terms by hand from equation 10 with eta 2, s 1.4; zeta(1.4) as scipy has it."""
    assert pytest.approx(zeta(S), rel=1e-12) == ZETA_S
    loglog = 1.4 * math.log(math.log(200)) + math.log(zeta(1.4) / (0.025 * math.log(2) ** 1.4))
    k1, k2 = (2**0.25 + 2**-0.25) / math.sqrt(2), (math.sqrt(2) + 1) / 2
    assert stitched(100, 1, 0.025) == pytest.approx(math.sqrt(k1**2 * 100 * loglog + k2**2 * loglog**2) + k2 * loglog)
    assert stitched(0, 3, 0.025) == stitched(9, 3, 0.025)
    assert stitched(100, 1, 0.025) < stitched(100, 1, 0.025, 400)


@pytest.mark.parametrize("rates", [(0.02, 0.02), (0.3, 0.3), (0.02, 0.3)])
def test_rates_hold_at_every_look_and_exact_intervals_do_not(rates: tuple[float, float]) -> None:
    """2,000 streams of 1,000 cases, every other batch of each rate, looked at 40 times: the average rate so far ever
    leaves the bounds of anytime.py in not more than 5% (exact test at 0.1%); Clopper and Pearson's interval, the
    control, loses it in more than 15%. Where all rates are equal the beta-binomial mixture holds too.
    """
    rng = np.random.default_rng(7)
    p = np.resize(rates, LOOKS)
    hits = rng.binomial(BATCH, p, (STREAMS, LOOKS)).cumsum(axis=1)
    average = BATCH * p.cumsum() / N
    limit = -math.log(TAIL)
    missed = sum(
        any(
            log_mixture(k, m * a) >= limit if k < m * a else log_mixture_above(k, m * a) >= limit
            for k, m, a in zip(row.tolist(), N.tolist(), average.tolist(), strict=True)
        )
        for row in hits
    )
    exact = ((bdtr(hits, N, average) <= TAIL) | (bdtrc(hits - 1, N, average) <= TAIL)).any(axis=1).sum()
    assert held(missed)
    assert exact > 0.15 * STREAMS
    if len(set(rates)) == 1:
        pairs = {(k, n) for row in hits.tolist() for k, n in zip(row, N.tolist(), strict=True)}
        out = {(k, n) for k, n in pairs if log_likelihood(k, n, rates[0]) <= log_ratio_limit(k, n, 2 * TAIL)}
        assert held(sum(any((k, n) in out for k, n in zip(row, N.tolist(), strict=True)) for row in hits.tolist()))


def drawn(rng: Any, chances: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(streams, looks, values): batches of each family's values; three in four of the first, as the shares are."""
    order = [0 if look % 4 else 1 for look in range(LOOKS)]
    return np.stack([rng.multinomial(BATCH, chances[f], STREAMS) for f in order], axis=1)


FIRST = (np.arange(LOOKS) % 4 != 0).astype(int)  # which looks add a batch of the first family


def test_quantiles_hold_at_every_look_and_order_statistics_do_not() -> None:
    """2,000 streams of two families by weight, whose median differs and of which 60% and 90% of cases are charged: the
    weighted p90 ever leaves its sequence in not more than 5% (exact test at 0.1%). Order statistics of the same
    values, drawn from one family, lose it in more than 15%: the control.
    """
    rng = np.random.default_rng(11)
    q = 0.9
    charged = np.array([0.6, 0.9])
    part = SHARES * charged / (SHARES * charged).sum()  # of each family among charged probes
    at, under = np.array([0.88, 0.94]), np.array([0.0, 0.0])
    at[1] = (q - part[0] * at[0]) / part[1]  # so that the quantile is exactly at q, which is the hardest
    under = at - 1e-4  # just below the quantile
    cells = [np.array([c * u, c * (a - u), c * (1 - a), 1 - c]) for c, a, u in zip(charged, at, under, strict=True)]
    counts = drawn(rng, (cells[0], cells[1]))
    sums = [(counts * (which == FIRST)[None, :, None]).cumsum(axis=1) for which in (1, 0)]
    cases = [BATCH * (which == FIRST).cumsum() for which in (1, 0)]
    missed = 0
    for stream in range(STREAMS):
        missed += any(
            left_out([s[stream, look] for s in sums], [n[look] for n in cases], q) for look in range(2, LOOKS, 2)
        )
    assert held(missed)
    below = rng.binomial(BATCH, q, (STREAMS, LOOKS)).cumsum(axis=1)
    fixed = ((bdtr(below, N, q) <= TAIL) | (bdtrc(below - 1, N, q) <= TAIL)).any(axis=1).sum()
    assert fixed > 0.15 * STREAMS


def left_out(counts: list[Any], cases: list[Any], q: float) -> bool:
    """Whether the ends at this look exclude the quantile: what is at or below it, and what is below it."""
    rows = [(share, int(n), int(c[:3].sum())) for share, n, c in zip(SHARES, cases, counts, strict=True)]
    balance = Balance(rows)
    at, under = balance.highs([int(c[0] + c[1]) for c in counts]), balance.lows([int(c[0]) for c in counts])
    return balance.most(at, q) < 0 or balance.least(under, q) >= 0


def test_means_hold_at_every_look_and_normal_intervals_do_not() -> None:
    """2,000 streams of two families, skewed values in 0 to 8 of which some are not charged: the weighted mean ever
    leaves its sequence in not more than 5% (exact test at 0.1%); a normal interval, the control, loses it in more than
    15%; at the end the sequence is less than 6 times as wide as that.
    """
    rng = np.random.default_rng(5)
    values = np.arange(9)
    one = np.array([30, 30, 15, 10, 5, 2, 1, 1, 1, 5]) / 100  # the last: not charged
    other = np.array([0, 0, 10, 20, 20, 10, 5, 3, 2, 30]) / 100
    mean = sum(s * (f[:9] @ values) for s, f in zip(SHARES, (one, other), strict=True))
    mean /= sum(s * f[:9].sum() for s, f in zip(SHARES, (one, other), strict=True))
    counts = drawn(rng, (one, other))
    missed = fixed = 0
    for stream in range(STREAMS):
        parts = [(share, MeanSequence(8.0)) for share in SHARES]
        ever = ever_fixed = False
        for look in range(LOOKS):
            row = counts[stream, look]
            parts[1 - FIRST[look]][1].add(Averages.of_probes({v: int(row[v]) for v in range(9) if row[v]}), BATCH)
            if look < 2 or look % 2:
                continue
            middle, normal = sums(parts, float(mean))
            ever |= abs(middle) > sum(share * part.half(float(mean), 8.0, TAIL / 2) for share, part in parts)
            ever_fixed |= abs(middle) > 1.96 * normal
        missed, fixed = missed + ever, fixed + ever_fixed
    assert held(missed)
    assert fixed > 0.15 * STREAMS
    interval = mean_interval(parts)
    charged = sum(share * part.charged / part.cases for share, part in parts)
    assert interval.low is not None
    assert interval.high is not None
    assert interval.high - interval.low < 6 * 2 * 1.96 * normal / charged


def sums(parts: list[tuple[float, MeanSequence]], m: float) -> tuple[float, float]:
    """The weighted average of Y - m C, and its standard error."""
    middle = sum(share * part.middle(m) for share, part in parts)
    return middle, math.sqrt(sum(share**2 * part.v(m) / part.cases**2 for share, part in parts))


def test_the_mean_interval_holds_every_value_that_is_not_excluded() -> None:
    """Against a scan of all m: where the sum's bounds, each family's cut to its range, exclude a value, and only there
    outside the interval; a family with few cases and a wide range costs its share of the range and no more.
    """
    few, many = MeanSequence(1000.0), MeanSequence(8.0)
    for _ in range(200):
        many.add(Averages.of_probes({1: 30, 2: 20}), 100)
    few.add(Averages.of_probes({500: 3, 400: 2}), 10)
    parts = [(0.01, few), (0.99, many)]
    interval = mean_interval(parts)
    tail, top = TAIL / 2, 1000.0
    for m in np.linspace(0, 1000, 4001).tolist():
        low = sum(share * max(part.low(m, top, tail, b) for b in (True, False)) for share, part in parts)
        high = sum(share * min(part.high(m, top, tail, b) for b in (True, False)) for share, part in parts)
        if low <= 0 <= high:
            assert interval.low is not None
            assert interval.high is not None
            assert interval.low <= m <= interval.high
    assert interval.low == pytest.approx(1.26, abs=0.1)
    assert interval.high == pytest.approx(21, abs=1.5)


def test_v_is_the_sum_of_squared_errors_of_prediction() -> None:
    """By hand: predictions 0 in the first batch, then the means of what was before."""
    part = MeanSequence(8.0)
    part.add(Averages.of_probes({2: 1, 4: 1}), 4)
    part.add(Averages.of_probes({1: 2}), 2)
    m = 1.5
    first = (2 - m) ** 2 + (4 - m) ** 2
    predicted = 6 / 4 - m * 2 / 4
    assert part.v(m) == pytest.approx(first + 2 * (1 - m - predicted) ** 2)
    assert part.middle(m) == pytest.approx((8 - m * 4) / 6)
    with pytest.raises(ValueError, match="outside 0 to 8"):
        part.add(Averages.of_probes({9: 1}), 10)


def test_a_quantile_of_one_family_is_a_rate_of_its_charged_probes() -> None:
    """The ends are the first values whose counts pass q by F's sequences at 2.5% each, whatever was not charged."""
    histogram = {value: 100 - value for value in range(100)}
    passed = np.cumsum([histogram[value] for value in range(100)]).tolist()
    n = passed[-1]
    low = next(v for v in range(100) if sequence_high(passed[v], n, TAIL) >= 0.5)
    high = next(v for v in range(100) if sequence_low(passed[v], n, TAIL) >= 0.5)
    for cases in (n, 10 * n):
        found = quantile_interval([Stratum(1.0, cases, histogram)], 0.5)
        assert (found.low, found.high) == (low, high)
    assert low < high


def test_a_quantile_that_nothing_bounds_is_open() -> None:
    """A family of more than 1 - q of the weight without cases leaves the upper end open, the lower end at 0."""
    one = Stratum(0.4, 10_000, {3: 10_000})
    found = quantile_interval([one, Stratum(0.6, 0, {})], 0.5)
    assert (found.low, found.high) == (0.0, None)
    found = quantile_interval([one, Stratum(0.6, 10_000, {3: 10_000})], 0.5)
    assert (found.low, found.high) == (3.0, 3.0)


def test_a_ratio_over_families_is_within_its_interval() -> None:
    """One family: the sequence of its own rate, to the bisection's last bit; two: each as wide as both allow."""
    found = ratio_interval([(1.0, 1000, 600, 150)])
    assert found.low == pytest.approx(sequence_low(150, 600, TAIL))
    assert found.high == pytest.approx(sequence_high(150, 600, TAIL))
    both = ratio_interval([(0.5, 1000, 600, 150), (0.5, 1000, 600, 450)])
    assert both.low is not None
    assert both.high is not None
    assert both.low < 0.5 < both.high
    assert both.high - both.low > ndtri(EACH) * 2 * math.sqrt(0.25 * 0.75 / 1200)
    assert ratio_interval([(1.0, 10, 0, 0)]) == ratio_interval([(1.0, 0, 0, 0)])
