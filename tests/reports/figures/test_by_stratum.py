"""Waste by stratum: parts of the measured distribution, against hand-made campaigns and against the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from few_cases import few_cases
from rendered import report_text

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.reports.campaign import Campaign, RunFacts, gather
from percpu_fuzz.reports.figures.by_stratum import PAIR, TRAITS, by_blocking, by_class, by_nodes
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan

Made = Callable[..., Campaign]


def joint(nodes: int, nowait: int, precharge: int, used: int) -> int:
    return ((nodes * 2 + nowait) * PAIR + precharge) * PAIR + used


def test_histograms_are_split_by_class() -> None:
    """By hand: classes above the 20 bits of waste; nodes in groups; a use above the precharge wastes nothing."""
    assert by_class({3 * PAIR + 5: 7, 3 * PAIR: 2, 1: 4}) == {3: {5: 7, 0: 2}, 0: {1: 4}}
    found = {joint(2, 0, 5, 3): 10, joint(2, 1, 5, 3): 1, joint(8, 0, 9, 2): 4, joint(1, 0, 1, 2): 3}
    assert by_nodes(found) == {1: {2: 11}, 4: {7: 4}, 0: {0: 3}}
    assert by_blocking(found) == {0: {2: 10, 7: 4, 0: 3}, 1: {2: 1}}


def test_families_count_by_weight_within_a_stratum(make: Made) -> None:
    """Family "few" (weight 3, 300 cases) has 30 probes of 2 pages on 4 CPUs, "many" (weight 1, 100 cases) 10 of 6:
    3 x 0.1 parts of 2 and 1 x 0.1 of 6 make a mean of 3, by hand; counted alike it would be 3 too, so the weight is
    made to matter by a second stratum where they differ.
    """
    key = 2 * PAIR
    few = {"waste_by_cpus": {key + 2: 30, 3 * PAIR + 1: 60}, "waste_pages": {2: 30, 1: 60}}
    many = {"waste_by_cpus": {key + 6: 10, 3 * PAIR + 5: 20}, "waste_pages": {6: 10, 5: 20}}
    outcomes = [
        Outcome("measurement", 0, "few", 300, 0, 0, few),
        Outcome("measurement", 1, "many", 100, 0, 0, many),
    ]
    rows = {(row.kind, row.value): row for row in Figures(make(outcomes)).strata}
    assert rows["CPUs", "3-4"].probes == 40
    assert rows["CPUs", "3-4"].mean == pytest.approx(3.0)
    assert rows["CPUs", "5-8"].mean == pytest.approx((0.75 * 0.2 * 1 + 0.25 * 0.2 * 5) / 0.2)
    assert [q.value for q in rows["CPUs", "5-8"].quantiles.values()] == [1, 5]


def test_strata_of_a_real_batch_add_up() -> None:
    """Each kind parts the same probes: numbers and sums of waste over its rows are those of the whole."""
    plan = make_plan("v2", 3, preset("two-node"))
    outcome = few_cases(Batches(plan), "measurement", 0, 2000)
    campaign = gather([outcome], RunFacts(describe=plan.describe()))
    waste = outcome.histograms["waste_pages"]
    rows = Figures(campaign).strata
    assert {row.kind for row in rows} == {trait.name for trait in TRAITS}
    for trait in TRAITS:
        mine = [row for row in rows if row.kind == trait.name]
        assert sum(row.probes for row in mine) == sum(waste.values())
        total = sum(row.probes * row.mean for row in mine)
        assert total == pytest.approx(sum(value * n for value, n in waste.items()))
    assert {row.value for row in rows if row.kind == "nodes"} == {"2"}
    squares = sum(outcome.histograms["cell_waste_squares"].values())
    assert squares == sum(value * value * n for value, n in waste.items())


def test_the_report_holds_the_table_and_older_stores_none(make: Made) -> None:
    """Where batches did not count by stratum there is no section; no line is wider than a mail's."""
    assert "By stratum" not in report_text(make())
    outcome = few_cases(Batches(make_plan("v2", 3, preset("two-node"))), "measurement", 0, 500)
    described: dict[str, Any] = dict(make().describe) | {"families": {"two-node": 1}}
    text = report_text(make([outcome], describe=described))
    assert "\nBy stratum\n" in text
    assert max(map(len, text.splitlines())) <= 78
