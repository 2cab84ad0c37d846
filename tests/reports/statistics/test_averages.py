"""Averages over a case's charged allocations: the probe's law with less variance; closed forms and coverage."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from case_laws import CALM, LAWS, WILD, averages_of, true_mean, true_quantile
from stored_campaigns import too_few

from percpu_fuzz.engine.outcome import PARTS
from percpu_fuzz.reports.statistics.anytime_averaged_quantile import QuantileSequence, averaged_quantile_interval
from percpu_fuzz.reports.statistics.averaged_quantile import averaged_quantile, quantile_of
from percpu_fuzz.reports.statistics.averages import Averages, ratio_error
from percpu_fuzz.reports.statistics.bernstein import bounded_mean, part_of, part_of_averages
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.means import difference_of_means, mean_of
from percpu_fuzz.reports.statistics.strata import Stratum

CAMPAIGNS = 400
CASES = {"calm": 4000, "wild": 200}
QS = (0.5, 0.9, 0.99)


def holds(interval: Interval, value: float) -> bool:
    return (interval.low is None or interval.low <= value) and (interval.high is None or value <= interval.high)


def strata_of(found: dict[str, Averages]) -> list[Stratum]:
    """As a report makes them; the probes' histograms stand for what averages do not need."""
    return [Stratum(law.share, CASES[name], {0: 1}, law.most, found[name]) for name, law in LAWS.items()]


def test_a_case_averages_what_its_picks_would_show() -> None:
    """By hand: 5 allocations that ask for accounting, 13 picks for each but the last, 12; the third is not charged.

    The mean of the probe's indicator over the 64 picks is X / 64 at every value, and its mean square is larger than
    X^2 / 64^2 wherever the case's own allocations differ.
    """
    values = (3, 1, None, 3, 7)
    held = [PARTS // 5 + (j < PARTS % 5) for j in range(5)]
    kind = [(parts, value) for parts, value in zip(held, values, strict=True) if value is not None]
    found = averages_of([kind], [1])
    picks = [values[pick % 5] for pick in range(PARTS)]
    for x in range(9):
        below, squares, products = (sums[0] for sums in found.at([x]))
        shown = sum(value is not None and value <= x for value in picks) / PARTS
        assert below == pytest.approx(shown)
        assert squares == pytest.approx(shown**2)
        assert squares <= shown
        assert products == pytest.approx(shown * found.charged)
    assert found.charged == pytest.approx(51 / 64)
    assert found.total == pytest.approx(sum(value or 0 for value in picks) / PARTS)
    assert found.total_squares == pytest.approx(found.total**2)
    assert found.total_charged == pytest.approx(found.total * found.charged)


def test_cases_of_one_value_are_their_probes() -> None:
    """Averages made of a histogram of probes give the interval of its mean to the last bits, and its quantiles."""
    histogram = {1: 300, 2: 500, 9: 40}
    averages = Averages.of_probes(histogram)
    one, other = (
        bounded_mean([part]) for part in (part_of(1.0, 1500, histogram, 12), part_of_averages(1.0, 1500, averages, 12))
    )
    assert one.low == pytest.approx(other.low)
    assert one.high == pytest.approx(other.high)
    for q in QS:
        plain = quantile_of([Stratum(1.0, 1500, histogram, 12)], q)
        averaged = quantile_of([Stratum(1.0, 1500, histogram, 12, averages)], q)
        assert plain is not None
        assert averaged is not None
        assert plain.value == averaged.value


def test_the_variance_of_averages_is_that_of_the_mean_of_their_cases() -> None:
    """Against 2,000 simulated campaigns: the variance of the estimated mean within a tenth, four of its errors."""
    rng = np.random.default_rng(3)
    means, said = [], []
    for _ in range(2000):
        found = ratio_error([(law.share, CASES[name], law.drawn(rng, CASES[name])) for name, law in LAWS.items()])
        assert found is not None
        means.append(found[0])
        said.append(found[1])
    assert np.mean(said) == pytest.approx(float(np.var(means)), rel=0.13)
    assert abs(np.mean(means) - true_mean()) < 5 * math.sqrt(np.mean(said) / 2000) + 0.05
    assert ratio_error([(1.0, 100, Averages({}, {}, {}, 0))]) is None


def one_probe(law: Any, rng: Any, cases: int) -> Averages:
    """The same cases seen by their probes alone."""
    numbers = rng.multinomial(cases, law.chances).tolist()
    shown: dict[int, int] = {}
    for kind, number in zip(law.kinds, numbers, strict=True):
        picked = rng.multinomial(number, [*(held / PARTS for held, _ in kind), 1 - sum(h for h, _ in kind) / PARTS])
        for (_, value), times in zip(kind, picked.tolist(), strict=False):
            if times:
                shown[value] = shown.get(value, 0) + times
    return Averages.of_probes(shown)


def allocations_as_units(found: dict[str, Averages]) -> Interval:
    """The control: each allocation of the first family taken as a draw of its own, four times as many as cases."""
    one = found["calm"]
    n = 4 * one.charged
    mean = one.total / one.charged
    squares = sum(value * value * parts for value, parts in one.parts.items()) / PARTS / one.charged
    half = 1.96 * math.sqrt((squares - mean * mean) / n)
    return Interval(mean - half, mean + half)


def test_intervals_cover_and_allocations_as_units_do_not() -> None:
    """400 campaigns of two families: mean, p50, p90 and p99 by weight are not rejected (exact test at 0.1%) and cost no
    open end; the mean's interval is narrower than from probes. Control: allocations as units are rejected.
    """
    rng = np.random.default_rng(11)
    held = dict.fromkeys(("mean", "units", *map(str, QS)), 0)
    width = probes_width = 0.0
    alone = CALM.total() / CALM.below(CALM.most)
    for _ in range(CAMPAIGNS):
        found = {name: law.drawn(rng, CASES[name]) for name, law in LAWS.items()}
        mean = mean_of(strata_of(found))
        seen = mean_of(strata_of({name: one_probe(law, rng, CASES[name]) for name, law in LAWS.items()}))
        assert mean is not None
        assert seen is not None
        assert mean[1].low is not None
        assert mean[1].high is not None
        assert seen[1].low is not None
        assert seen[1].high is not None
        width, probes_width = width + mean[1].high - mean[1].low, probes_width + seen[1].high - seen[1].low
        held["mean"] += holds(mean[1], true_mean())
        held["units"] += holds(allocations_as_units(found), alone)
        for q in QS:
            quantile = quantile_of(strata_of(found), q)
            assert quantile is not None
            assert quantile.interval.high is not None
            held[str(q)] += holds(quantile.interval, true_quantile(q))
    assert width < probes_width
    assert not any(too_few(held[name], CAMPAIGNS) for name in ("mean", *map(str, QS)))
    assert too_few(held["units"], CAMPAIGNS)


def test_the_quantile_at_which_chances_are_level_is_covered() -> None:
    """The hardest place: F is q exactly there and a hair less just below. Not rejected; half the ends' width is."""
    kinds = (((32, 5), (32, 6)), ((64, 5),), ((64, 6),), ((64, 7),))
    law = replace(CALM, share=1.0, most=9, kinds=kinds, chances=(0.3, 0.34, 0.01, 0.35))  # F(5) = 0.49, F(6) = 0.65
    rng = np.random.default_rng(5)
    for q, at in ((0.65, 6), (0.4999, 6)):
        held = 0
        for _ in range(CAMPAIGNS):
            found = averaged_quantile([(1.0, 500, law.drawn(rng, 500), 9)], q)
            assert found is not None
            held += holds(found.interval, at)
        assert not too_few(held, CAMPAIGNS)


def test_a_family_of_few_cases_counts_by_its_range() -> None:
    """Weight 1/10 with no case may lie anywhere up to its most: p50 moves by what a tenth can do, p99 ends there."""
    calm = (0.9, 1_000_000, Averages.of_probes(dict.fromkeys(range(100), 10000)), 99)
    few = (0.1, 0, Averages.of_probes({}), 1_000)
    half, high = averaged_quantile([calm, few], 0.5), averaged_quantile([calm, few], 0.99)
    assert half is not None
    assert high is not None
    assert half.interval.low == pytest.approx(44, abs=1)
    assert half.interval.high == pytest.approx(55, abs=1)
    assert high.interval.high == 1_000
    assert averaged_quantile([few], 0.5) is None


def test_sequences_hold_at_every_look() -> None:
    """400 streams of two families, looked at after every batch: p50 and p90 by weight ever leave their sequence in not
    more than 5% (exact test at 0.1%). Control: the interval for a fixed number of cases does.
    """
    rng = np.random.default_rng(17)
    held, fixed = dict.fromkeys(QS[:2], 0), 0
    for _ in range(CAMPAIGNS):
        sequences = {name: QuantileSequence(law.share, 400) for name, law in LAWS.items()}
        sums = dict.fromkeys(LAWS, (0, 0.0, 0.0, 0.0, 0.0, 0.0))
        ever, ever_fixed = dict.fromkeys(QS[:2], True), True
        for look in range(30):
            name = "wild" if look % 5 == 4 else "calm"
            found = LAWS[name].drawn(rng, 50)
            sequences[name].add(found, 50)
            sums[name] = tuple(  # type: ignore[assignment]
                a + b
                for a, b in zip(
                    sums[name],
                    (50, found.charged, found.total, found.total_squares, found.total_charged, found.charged_squares),
                    strict=True,
                )
            )
            for q in ever:
                ever[q] &= holds(averaged_quantile_interval(list(sequences.values()), q), true_quantile(q))
            _, charged, total, squares, products, charged_squares = sums["calm"]
            m = CALM.total() / CALM.below(CALM.most)
            spread = squares - 2 * m * products + m * m * charged_squares
            ever_fixed &= abs(total - m * charged) <= 1.96 * math.sqrt(spread)
        for q in held:
            held[q] += ever[q]
        fixed += ever_fixed
    assert not any(too_few(number, CAMPAIGNS) for number in held.values())
    assert too_few(fixed, CAMPAIGNS)


def test_a_sequence_narrows_to_the_quantile() -> None:
    """After a million cases both ends of p50 are the value; with no case nothing is bounded above."""
    empty = QuantileSequence(1.0, 400)
    assert averaged_quantile_interval([empty], 0.5) == Interval(0.0, None)
    rng = np.random.default_rng(2)
    sequences = [QuantileSequence(law.share, 400) for law in (CALM, WILD)]
    for _ in range(20):
        for sequence, law in zip(sequences, (CALM, WILD), strict=True):
            sequence.add(law.drawn(rng, 50_000), 50_000)
    found = averaged_quantile_interval(sequences, 0.5, LEVEL)
    assert found == Interval(true_quantile(0.5), true_quantile(0.5))


def test_a_difference_of_means_covers() -> None:
    """Two campaigns of one law differ by 0: not rejected in 400; half of the interval is (the control)."""
    rng = np.random.default_rng(23)
    held = half = 0
    for _ in range(CAMPAIGNS):
        a, b = ([Stratum(1.0, 4000, {1: 1000, 3: 1000, 5: 100}, 40, CALM.drawn(rng, 4000)) for _ in (0,)] for _ in "ab")
        found = difference_of_means(a, b)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0 <= found.high
        middle, reach = (found.low + found.high) / 2, (found.high - found.low) / 4
        half += abs(middle) <= reach
    assert not too_few(held, CAMPAIGNS)
    assert too_few(half, CAMPAIGNS)
