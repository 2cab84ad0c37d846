"""What the certificate is made of: cases by PCT depth in each batch, and caps that are fixed before the campaign."""

from __future__ import annotations

from typing import Any

import pytest
from few_cases import few_cases

from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.portfolio import SPREAD_STEPS, TURNS
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.schedulers.record import new_sched

CASES = 3


@pytest.mark.parametrize("k", range(len(TURNS)))
def test_hunting_batches_count_their_pct_depth(k: int) -> None:
    """A batch under PCT(d) counts all its cases as pct.depth.<d>; any other batch counts none."""
    name, depth = TURNS[k]
    counts = few_cases(Batches(make_plan("v2", 5, preset("two-node"))), "hunting", k, CASES).counts
    found = {key: value for key, value in counts.items() if key.startswith("pct.depth.")}
    assert found == ({f"pct.depth.{depth}": CASES} if name == "pct" else {})
    assert counts[f"scheduler.{name}"] == CASES


def test_measured_batches_count_none() -> None:
    """The measurement stream walks at random."""
    counts = few_cases(Batches(make_plan("v2", 5, preset("two-node"))), "measurement", 0, CASES).counts
    assert not [key for key in counts if key.startswith("pct.depth.")]


def test_caps_are_those_that_the_scheduler_gets() -> None:
    """Each family's caps: rows for tasks in its size class, and the steps that change points are spread over."""
    plan = make_plan("v2", 5)
    caps: Any = plan.describe()["pct_caps"]
    assert list(caps) == [family.name for family in plan.families]
    for k in range(len(plan.order)):
        batch, sched = plan.batch_of("hunting", k), new_sched()[0]
        batch.write_sched(sched)
        expected = [SIZE_CLASSES[batch.size_class]["tasks"], SPREAD_STEPS[batch.size_class]]
        assert caps[batch.family.name] == expected
        assert sched["most_steps"] == expected[1]
