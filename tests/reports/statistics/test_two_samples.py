"""Tests of two samples against scipy's and against enumeration; Holm; clean runs."""

from __future__ import annotations

import itertools
import random

import pytest
from scipy.special import comb
from scipy.stats import fisher_exact, mannwhitneyu

from percpu_fuzz.reports.statistics.two_samples import clean_runs, events_test, holm, mann_whitney, superiority


def histogram(values: list[int]) -> dict[int, int]:
    return {value: values.count(value) for value in set(values)}


def test_superiority_counts_pairs() -> None:
    """P(b > a) + P(b = a) / 2 by going through all pairs."""
    a, b = [1, 1, 2, 5], [1, 2, 3]
    pairs = [(y > x) + (y == x) / 2 for x, y in itertools.product(a, b)]
    assert superiority(histogram(a), histogram(b)) == pytest.approx(sum(pairs) / len(pairs))
    assert superiority({1: 3}, {2: 4}) == 1.0
    assert superiority({1: 3}, {1: 4}) == 0.5


def test_one_family_is_mann_whitney() -> None:
    """With ties, scipy's asymptotic p without its correction for continuity."""
    rng = random.Random(2)
    a, b = ([rng.randrange(6) + shift * (rng.random() < 0.2) for _ in range(80)] for shift in (0, 1))
    found = mann_whitney([(1.0, histogram(a), histogram(b))])
    assert found is not None
    expected = mannwhitneyu(b, a, use_continuity=False, method="asymptotic")
    assert found.p == pytest.approx(expected.pvalue)
    assert found.a12 == pytest.approx(expected.statistic / 6400)


def test_families_are_compared_with_themselves() -> None:
    """Opposite shares of two families that differ from each other: no difference, where all in one has a large one."""
    low, high = {0: 50, 1: 50}, {10: 50, 11: 50}
    many = {value: 9 * n for value, n in low.items()}
    found = mann_whitney([(0.5, low, many), (0.5, high, {10: 5, 11: 5})])
    assert found is not None
    assert (found.a12, found.p) == (0.5, 1.0)
    together = mann_whitney([(1.0, low | high, many | {10: 5, 11: 5})])
    assert together is not None
    assert together.p < 1e-6
    assert mann_whitney([(1.0, low, {})]) is None


def test_shifts_that_cancel_are_seen() -> None:
    """One family up and one down by as much: a12 stays a half, and the sum of squares still tells them apart."""
    up, down = ({0: 60, 1: 40}, {0: 40, 1: 60}), ({0: 40, 1: 60}, {0: 60, 1: 40})
    found = mann_whitney([(0.5, *up), (0.5, *down)])
    assert found is not None
    assert found.a12 == pytest.approx(0.5)
    assert found.p < 0.001


def test_one_family_of_events_is_fishers_test() -> None:
    """Twice the smaller tail of the hypergeometric law, as scipy's one-sided Fisher tests give it."""
    for ka, n, kb, m in ((3, 40, 9, 50), (0, 10, 4, 10), (7, 30, 7, 30)):
        tails = [fisher_exact([[kb, m - kb], [ka, n - ka]], alternative=way).pvalue for way in ("less", "greater")]
        assert events_test([(ka, n, kb, m)]) == pytest.approx(min(1.0, 2 * min(tails)))


def test_two_families_of_events_by_enumeration() -> None:
    """Every split of the events over both families, weighed by its number of ways."""
    rows = [(1, 5, 3, 6), (2, 8, 1, 4)]
    law: dict[int, float] = {}
    for x, y in itertools.product(range(5), range(4)):
        ways = comb(6, x) * comb(5, 4 - x) * comb(4, y) * comb(8, 3 - y)
        law[x + y] = law.get(x + y, 0.0) + ways
    total = sum(law.values())
    tails = sum(v for k, v in law.items() if k <= 4) / total, sum(v for k, v in law.items() if k >= 4) / total
    assert events_test(rows) == pytest.approx(min(1.0, 2 * min(tails)))


def test_many_events_are_nearly_exact() -> None:
    """Beyond the exact limit the normal law takes over without a jump."""
    exact = events_test([(900, 20_000, 1_000, 20_000)])
    normal = events_test([(1_200, 20_000, 1_310, 20_000)])
    assert exact == pytest.approx(0.0199, abs=0.002)
    assert normal == pytest.approx(0.0249, abs=0.003)
    assert events_test([(0, 5, 0, 5), (5, 5, 5, 5), (1, 5, 0, 0)]) == 1.0


def test_holm_by_hand() -> None:
    """Three p-values: 0.01 * 3, then 0.02 * 2, then the largest of 0.03 and what came before."""
    assert holm([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_clean_runs_exclude_a_bug() -> None:
    """The least n with (1 - rate)^n <= 5%: 2,995 at one in a thousand, 5 at a half."""
    assert clean_runs(0.001, 0.95) == 2995
    assert clean_runs(0.5, 0.95) == 5
    for rate in (0.3, 0.01, 1e-5):
        n = clean_runs(rate, 0.95)
        assert (1 - rate) ** n <= 0.05 < (1 - rate) ** (n - 1)
