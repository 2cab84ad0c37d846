"""Mean waste by nodes and size."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.cells import Cell, size_text
from percpu_fuzz.reports.figures.families import range_text
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.statistics.intervals import Interval
from percpu_fuzz.reports.statistics.means import mean_of
from percpu_fuzz.reports.statistics.strata import Stratum

Made = Callable[..., Campaign]


def test_cells_join_groups_and_weigh_families(make: Made) -> None:
    """6 and 7 nodes share a cell; family "few" counts 3/4 a case of 100, "many" 1/4 a case of 50."""
    key = 6 * 64 + 3
    outcomes = [
        Outcome("measurement", 0, "few", 100, 1, 0, {"cell_cases": {key: 4}, "cell_waste_pages": {key: 8}}),
        Outcome("measurement", 1, "many", 50, 1, 0,
                {"cell_cases": {key: 1, 7 * 64 + 3: 1, 64 + 5: 3}, "cell_waste_pages": {key: 6, 7 * 64 + 3: 8}}),
        Outcome("hunting", 0, "few", 100, 1, 0, {"cell_cases": {key: 99}, "cell_waste_pages": {key: 999}}),
    ]  # fmt: skip
    mean = (0.75 / 100 * 8 + 0.25 / 50 * 14) / (0.75 / 100 * 4 + 0.25 / 50 * 2)
    assert Figures(make(outcomes)).cells == [
        Cell((1, 1), 32, 3, 0.0, Interval(None, None)),
        Cell((5, 8), 8, 6, pytest.approx(mean), Interval(None, None)),
    ]


def test_a_store_without_cells_has_none(make: Made) -> None:
    """Nothing is drawn from nothing."""
    assert Figures(make()).cells == []


def test_names() -> None:
    """Groups as ranges, sizes as their largest."""
    assert [range_text(group) for group in ((2, 2), (5, 8), (65, 1024))] == ["2", "5-8", "65+"]
    assert [size_text(1 << power) for power in (2, 9, 10, 15, 20)] == ["4", "512", "1K", "32K", "1M"]


def test_intervals_are_those_of_a_pooled_mean(make: Made) -> None:
    """A cell's interval is Bernstein's for the same probes as strata; machines of a family that has none widen it."""
    key, waste = 6 * 64 + 3, {"few": {1: 30, 2: 10}, "many": {3: 15, 6: 5}}
    cases = {"few": 100, "many": 50}
    outcomes = [
        Outcome("measurement", k, name, cases[name], 1, 0, {
            "cell_cases": {key: sum(h.values())},
            "cell_waste_pages": {key: sum(v * n for v, n in h.items())},
            "cell_waste_squares": {key: sum(v * v * n for v, n in h.items())},
        })
        for k, (name, h) in enumerate(waste.items())
    ]  # fmt: skip
    (cell,) = Figures(make(outcomes)).cells
    most = 8 + 1 + 1  # of 8 nodes and 8 bytes, whose metadata is less than a page
    strata = [Stratum(0.75, 100, waste["few"], most), Stratum(0.25, 50, waste["many"], most)]
    pooled = mean_of(strata)
    assert pooled is not None
    assert cell.mean_waste_pages == pytest.approx(pooled[0])
    assert (cell.interval.low, cell.interval.high) == pytest.approx((pooled[1].low, pooled[1].high))
    alone = {**make().describe, "nodes": {"few": [1, 8], "many": [1, 4]}}
    (narrow,), (wide,) = (Figures(c).cells for c in (make(outcomes[:1], describe=alone), make(outcomes[:1])))
    assert narrow.interval.high is not None
    assert wide.interval.high is not None
    assert narrow.interval.high < wide.interval.high
    unknown = {**make().describe, "variant": "mine"}
    assert Figures(make(outcomes, describe=unknown)).cells[0].interval.high is None
