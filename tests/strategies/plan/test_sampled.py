"""The modelled kernel is reached: of a sample of the default families nothing is left but the pinned exceptions."""

from __future__ import annotations

import re

import pytest

from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.sampled import reached_by, sample, unreached_row
from percpu_fuzz.strategies.run.reached import EXCEPTIONS, Reached, reason_of


@pytest.fixture(scope="module")
def reached() -> Reached:
    """What the sample of a default campaign on v2 reaches."""
    return reached_by(make_plan("v2", 3))


def test_nothing_is_left_but_the_exceptions(reached: Reached) -> None:
    """Every step and both sides of every condition of engine/kernel, on v2, but for those that a reason excuses."""
    row = unreached_row(reached)
    assert row["never"] == []
    assert row["cases"] > 500
    assert 0 < sum(row["excused"].values()) < 0.2 * row["places"]


def test_every_exception_excuses_something(reached: Reached) -> None:
    """A row of the list that nothing needs any more has to go."""
    never = reached.never()
    assert [pattern for pattern, _ in EXCEPTIONS if not any(re.fullmatch(pattern, line) for line in never)] == []


def test_what_is_reached_by_nothing_is_left(reached: Reached) -> None:
    """The control: of no case at all nearly every place is left, evictions of the page stock among them."""
    never = Reached(reached.conditions, [0] * len(reached.sides)).never()
    left = [line for line in never if reason_of(line) is None]
    assert len(left) > 300
    assert "step RS_DRAINED" in left


def test_the_sample_does_not_depend_on_the_seed() -> None:
    """It is said of what is drawn: two seeds and learning have the same sample."""
    one, other = (
        [(batch.key, case) for batch, case in sample(make_plan("v2", seed, learns=learns))]
        for seed, learns in ((1, True), (2, False))
    )
    assert one == other
