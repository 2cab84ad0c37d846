"""Spurious failures: counts by hand, the pooled ratio against its meaning, and a word for every place."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from percpu_fuzz.engine.outcome import PAIR, PLACES, Histogram, Outcome
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.headroom import counted, curve_places, family_headroom, table_places
from percpu_fuzz.reports.figures.left_over import left_over
from percpu_fuzz.reports.statistics.strata import pooled_ratio
from percpu_fuzz.strategies.draw.choices import KINDS

Made = Callable[..., Campaign]


def joint(rows: dict[tuple[int, int], int]) -> Histogram:
    """Probes by (precharged, used) as a batch stores them."""
    return {precharge * PAIR + used: number for (precharge, used), number in rows.items()}


def test_every_place_has_its_word() -> None:
    """The words of places that reports print are as many as the places that batches write."""
    assert range(len(PLACES)) == range(min(KINDS["place"].values), max(KINDS["place"].values) + 1)


def test_who_fails_at_each_headroom() -> None:
    """Ten probes use 2 of 4 pages, five 3 of 3: the ten fail at 2 and 3 pages, the five never; below 2 none fits."""
    histogram = joint({(4, 2): 10, (3, 3): 5})
    assert [counted(histogram, pages) for pages in range(6)] == [(0, 0), (0, 0), (10, 0), (10, 5), (0, 15), (0, 15)]
    assert left_over(histogram) == {0: 5, 2: 10}
    at_three = family_headroom(histogram, 3)
    assert (at_three.fitting, at_three.failing, at_three.probes) == (15, 10, 15)
    assert at_three.of_fitting is not None
    assert at_three.of_fitting.rate == pytest.approx(2 / 3)
    assert family_headroom(histogram, 1).of_fitting is None
    assert family_headroom(histogram, 1).of_all.rate == 0.0


def test_a_precharge_that_runs_short_never_fails_by_itself() -> None:
    """Used more than precharged: with room for the precharge only it does not fit, and with room for both it passes."""
    histogram = joint({(1, 2): 7})
    assert [counted(histogram, pages) for pages in range(4)] == [(0, 0), (0, 0), (0, 7), (0, 7)]
    assert left_over(histogram) == {-1: 7}


def test_places_of_a_curve_and_of_a_table() -> None:
    """Each page while there are few, some dozens where there are a thousand, from 0 to the largest precharge."""
    few, many = joint({(5, 1): 1}), joint({(1025, 1): 1, (2, 1): 9})
    assert curve_places([few]) == [0, 1, 2, 3, 4, 5]
    places = curve_places([few, many])
    assert places[0] == 0
    assert places[-1] == 1025
    assert places == sorted(set(places))
    assert 20 < len(places) < 80
    assert table_places([few]) == [0, 1, 2, 4, 8]
    assert table_places([]) == [0, 1]


def test_families_count_by_weight(make: Made) -> None:
    """Family "few" (weight 3, 100 cases) fails 10 of 20 fitting, "many" (1, 50 cases) 1 of 10, by weight 0.42."""
    outcomes = [
        Outcome("measurement", 0, "few", 100, 1, 0, {"precharge_used": joint({(3, 1): 10, (1, 1): 10})}),
        Outcome("measurement", 1, "many", 50, 1, 0, {"precharge_used": joint({(3, 1): 1, (1, 1): 9})}),
    ]
    found = {row.pages: row for row in Figures(make(outcomes)).headroom}
    expected = (0.75 * 10 / 100 + 0.25 * 1 / 50) / (0.75 * 20 / 100 + 0.25 * 10 / 50)
    assert found[2].of_fitting is not None
    assert found[2].of_fitting.rate == pytest.approx(expected)
    assert (found[2].fitting, found[2].failing) == (30, 11)
    assert found[4].failing == 0


def test_what_has_no_pairs_has_no_curve(make: Made) -> None:
    """A variant that precharges nothing and a store without pairs give no figure instead of zeros."""
    assert Figures(make()).headroom_curve == []
    outcome = Outcome("measurement", 0, "few", 9, 1, 0, {"precharge_used": joint({(0, 0): 9})})
    describe = {"variant": "base", "seed": 7, "families": {"few": 3, "many": 1}}
    assert Figures(make([outcome], describe=describe)).headroom_curve == []


def test_the_pooled_ratio_covers() -> None:
    """300 draws from two families: the interval of A / (A + C) misses at most 23 times (true level 95%: P < 0.03%).

    A narrower interval that takes all cases as one family of equal weight misses far more often: the control.
    """
    rng = random.Random(5)
    truth = (0.9 * 0.3 + 0.1 * 0.02) / (0.9 * 0.4 + 0.1 * 0.5)
    missed = naive = 0
    for _ in range(300):
        rows = [(share, n, *_drawn(rng, n, a, c)) for share, n, a, c in ((0.9, 80, 0.3, 0.1), (0.1, 400, 0.02, 0.48))]
        found, plain = pooled_ratio(rows), pooled_ratio([(1.0, 480, rows[0][2] + rows[1][2], rows[0][3] + rows[1][3])])
        assert found is not None
        assert plain is not None
        missed += not (found.interval.low or 0.0) <= truth <= (found.interval.high or 0.0)
        naive += not (plain.interval.low or 0.0) <= truth <= (plain.interval.high or 0.0)
    assert missed <= 23
    assert naive > 250


def _drawn(rng: random.Random, n: int, a: float, c: float) -> tuple[int, int]:
    """How many of n cases fell to a and to c."""
    values = [rng.random() for _ in range(n)]
    return sum(v < a for v in values), sum(a <= v < a + c for v in values)


def test_a_ratio_of_nothing_is_not_known() -> None:
    """Neither seen: None; a family without a case leaves its weight open."""
    assert pooled_ratio([(1.0, 10, 0, 0)]) is None
    found = pooled_ratio([(0.5, 1000, 500, 500), (0.5, 0, 0, 0)])
    assert found is not None
    assert found.rate == pytest.approx(0.5)
    assert found.interval.low is not None
    assert found.interval.low < 0.3


def test_what_base_would_serve(make: Made) -> None:
    """Ten probes that precharge 3 and that base serves from 1 page, five that precharge 1: at 2 pages the ten fail,
    10 of 15; at 0 base's empty stock serves none, and one that holds the bytes serves all 15, which all fail here.
    """
    describe = {"variant": "v2", "seed": 7, "families": {"few": 1}}
    outcome = Outcome("measurement", 0, "few", 20, 1, 0, {"precharge_base": joint({(3, 1): 10, (1, 1): 5})})
    found = {row.pages: row for row in Figures(make([outcome], describe=describe)).against_base}
    assert (found[2].stock_empty.fitting, found[2].stock_empty.failing) == (15, 10)
    assert (found[0].stock_empty.fitting, found[0].stock_empty.of_fitting) == (0, None)
    assert (found[0].stock_holds.fitting, found[0].stock_holds.failing) == (15, 15)
    assert (found[1].stock_holds.fitting, found[1].stock_holds.failing) == (15, 10)
    assert found[4].stock_holds.failing == 0
    assert Figures(make()).against_base == []  # a store of before it was counted
