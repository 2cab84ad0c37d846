"""Cases of families by variance and cost: seats from the pilot by hand, one for any order, unbiased estimates."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from case_laws import CALM, WILD, Law, true_mean
from stored_campaigns import too_few

from percpu_fuzz.engine.outcome import MEASUREMENT, OF_PARTS, OF_PRODUCTS, OF_SQUARES, OF_VALUE_SQUARES, Outcome
from percpu_fuzz.reports.statistics.averages import Averages, ratio_error
from percpu_fuzz.reports.statistics.intervals import Interval
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Stratum
from percpu_fuzz.strategies.draw.topologies import Family, preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.pilot import CYCLE, FLOOR, ROUNDS, Seats, seats_from
from percpu_fuzz.strategies.plan.recipe import make_plan

CAMPAIGNS = 2000
FAMILIES = (Family("calm", 19, (preset("two-node"),)), Family("wild", 1, (preset("two-node"),)))
LAWS = (CALM, WILD)


def outcome_of(name: str, averages: Averages, cases: int, steps: int, k: int = 0) -> Outcome:
    of = (OF_PARTS, OF_SQUARES, OF_PRODUCTS)
    sums = (averages.parts, averages.squares, averages.products)
    histograms = {f"waste_pages{end}": dict(h) for end, h in zip(of, sums, strict=True)}
    counts = {f"waste_pages{OF_VALUE_SQUARES}": averages.value_squares}
    return Outcome(MEASUREMENT, k, name, cases, steps, 0, histograms, counts)


def seats_of(spread: tuple[int, int], steps: tuple[int, int], sizes: tuple[int, int] = (100, 100)) -> Counter[int]:
    """Seats of two families whose cases all have one value, 100 - s or 100 + s pages, equally often."""
    pilot = [
        outcome_of(f.name, Averages.of_probes({100 - s: 500, 100 + s: 500} if s else {100: 1000}), 1000, 1000 * c)
        for f, s, c in zip(FAMILIES, spread, steps, strict=True)
    ]
    return Counter(seats_from(FAMILIES, pilot, sizes).order)


def test_seats_follow_weight_spread_and_cost() -> None:
    """By hand: weights 19 and 1. Time is half by weight, half by weight x spread x root of the cost; seats are time
    over what a batch costs; each family has one at least. Without any spread: by weight.
    """
    spare = CYCLE - 2 * FLOOR
    score = (19 * 1, 1 * 57)  # spread 1 and 57: 1 to 3
    wild = (1 / 20 + score[1] / sum(score)) / 2
    assert seats_of((1, 57), (100, 100))[1] == pytest.approx(FLOOR + spare * wild, abs=1)
    wild = (1 / 20 + 57 * 2 / (19 + 57 * 2)) / 2 / 4  # a case costs 4 times as much: spread x 2, a batch x 4
    calm = (19 / 20 + 19 / (19 + 57 * 2)) / 2
    assert seats_of((1, 57), (100, 400))[1] == pytest.approx(FLOOR + spare * wild / (wild + calm), abs=1)
    assert seats_of((1, 57), (100, 400), (100, 25))[1] == pytest.approx(
        FLOOR + spare * 4 * wild / (4 * wild + calm), abs=1
    )
    assert seats_of((0, 0), (100, 100))[1] == pytest.approx(FLOOR + spare / 20, abs=1)
    assert seats_of((5, 0), (100, 100))[1] >= FLOOR


def test_a_family_whose_pilot_could_not_be_run_has_seats_by_weight() -> None:
    """Its outcome is unknown: the other's spread takes half of the time, weights the rest."""
    pilot = [
        outcome_of("calm", Averages.of_probes({1: 500, 3: 500}), 1000, 1000),
        Outcome(MEASUREMENT, 1, "unknown", 16, 0, counts={"unknown": 16}),
    ]
    found = Counter(seats_from(FAMILIES, pilot, (100, 100)).order)
    assert found[1] == pytest.approx(FLOOR + (CYCLE - 2) / 40, abs=1)


def test_batches_of_a_family_are_numbered_by_turns() -> None:
    """Whatever the seats are, a family's batches have the draws i, i + F, i + 2 F, ... and no other family's."""
    plan = make_plan("v2", 3)
    families = len(plan.families)
    for order in (tuple(range(families)) * 4, (0,) * 10 + tuple(range(families)) + (3, 3, 9)):
        seats = Seats(order * (CYCLE // len(order)) + order[: CYCLE % len(order)])
        drawn: dict[str, list[int]] = {}
        for k in range(3 * CYCLE):
            batch = plan.batch_of(MEASUREMENT, k, seats=seats)
            drawn.setdefault(batch.family.name, []).append(batch.draw)
        for i, family in enumerate(plan.families):
            assert drawn[family.name] == [i + families * j for j in range(len(drawn[family.name]))]
    assert plan.batch_of("hunting", 77, seats=seats).draw == 77


def test_equal_draws_are_equal_cases() -> None:
    """The same turn of a family under other seats, another number: equal histograms; those of another turn differ."""
    a, b = Batches(make_plan("v2", 3)), Batches(make_plan("v2", 3))
    families = len(a.plan.families)
    a.seats, b.seats = Seats((0, 1) * (CYCLE // 2)), Seats((1, 1, 0, 1) * (CYCLE // 4))
    first = ROUNDS * families
    one, other = a.outcome(MEASUREMENT, first), a.outcome(MEASUREMENT, first + 2)
    same = b.outcome(MEASUREMENT, first + 2)
    assert (one.draw, same.draw, other.draw) == (None, first, first + families)  # None: its own number
    assert one.histograms == same.histograms != other.histograms


def test_one_machine_has_no_pilot() -> None:
    """Nothing is to be decided there, nor without learning: batches are drawn by their numbers, as many as ever."""
    for plan in (make_plan("v2", 3, preset("vm8")), make_plan("v2", 3, learns=False)):
        batches = Batches(plan)
        assert (batches.pilot, batches.seated_from) == (0, None)
        assert batches.cases_per_batch(MEASUREMENT, 400) is not None
        assert plan.batch_of(MEASUREMENT, 40).draw == 40
        assert "pilot" not in plan.describe()


def adaptive(rng: Any, law: Law, pilot: Averages, pilot_cases: int) -> int:
    """Cases of a family after a pilot that shows the spread of its values: as Neyman's rule has it, from 40 on."""
    squares = pilot.total_squares / pilot_cases - (pilot.total / pilot_cases) ** 2
    return 40 + int(20 * law.share * squares**0.5)


def holds(interval: Interval, value: float) -> bool:
    return (interval.low is None or interval.low <= value) and (interval.high is None or value <= interval.high)


def joined(a: Averages, b: Averages) -> Averages:
    def added(x: dict[int, int], y: dict[int, int]) -> dict[int, int]:
        return {v: x.get(v, 0) + y.get(v, 0) for v in {*x, *y}}

    return Averages(
        added(a.parts, b.parts), added(a.squares, b.squares), added(a.products, b.products),
        a.value_squares + b.value_squares,
    )  # fmt: skip


RARE = Law(1.0, 400, (((64, 1),), ((64, 400),)), (0.98, 0.02))


def test_estimates_after_a_pilot_are_unbiased_and_with_it_are_not() -> None:
    """2,000 campaigns whose number of cases follows the spread that a pilot of 30 shows, of which 2% are 400 pages and
    all others 1: the mean of the cases after the pilot is within four standard errors of the truth (a right one fails
    once in 15,000), its interval is not rejected. Control: with the pilot's own cases taken in, the mean is too low by
    more than six, and the normal interval that takes the number of cases for fixed is rejected.
    """
    rng = np.random.default_rng(29)
    after, within, held, fixed = [], [], 0, 0
    truth = true_mean((RARE,))
    for _ in range(CAMPAIGNS):
        pilot = RARE.drawn(rng, 30)
        cases = adaptive(rng, RARE, pilot, 30)
        later = RARE.drawn(rng, cases)
        both = joined(pilot, later)
        after.append(later.total / cases)
        within.append(both.total / (cases + 30))
        mean = mean_of([Stratum(1.0, cases, {}, 400, later)])
        assert mean is not None
        held += holds(mean[1], truth)
        said = ratio_error([(1.0, cases + 30, both)])
        assert said is not None
        fixed += abs(said[0] - truth) <= 1.96 * said[1] ** 0.5
    error = [float(np.std(means)) / CAMPAIGNS**0.5 for means in (after, within)]
    assert abs(np.mean(after) - truth) < 4 * error[0]
    assert np.mean(within) - truth < -6 * error[1]
    assert not too_few(held, CAMPAIGNS)
    assert too_few(fixed, CAMPAIGNS)
