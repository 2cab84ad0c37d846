"""Canaries: planted mistakes that a working campaign must find."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.campaign.ending import dead_canary
from percpu_fuzz.strategies.plan import canary
from percpu_fuzz.strategies.plan.batches import Batches, run_alone
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.walk import CHECK_NONE


@pytest.fixture(scope="module")
def batches() -> Batches:
    return Batches(make_plan("fixed", 1))


@pytest.mark.parametrize("turn", range(len(canary.PLANTED)))
def test_each_canary_is_found(turn: int) -> None:
    """The fixed cases of every planted mistake break an invariant."""
    assert canary.counts_of(run_alone(canary.batch_of(turn))) == {canary.RUN: 1, canary.FOUND: 1}


def test_a_campaign_that_checks_nothing_misses_it(batches: Batches) -> None:
    """With the checks off the canary is missed, and the campaign is broken rather than clean."""
    blind = batches.outcome("measurement", 0, CHECK_NONE)
    assert blind.counts[canary.RUN] == 1
    assert blind.counts[canary.FOUND] == 0
    assert dead_canary([blind]) == "1 of 1 planted mistakes were not found"
    assert dead_canary([batches.outcome("measurement", 0)]) is None


def test_the_first_batch_of_each_stream_carries_one(batches: Batches) -> None:
    """So every campaign with a finished batch has a canary, and its violations are not the batch's."""
    for stream in ("measurement", "hunting"):
        outcome = batches.outcome(stream, 0)
        assert outcome.counts[canary.RUN] == 1
        assert outcome.violations == {}
    assert canary.RUN not in batches.outcome("hunting", 1).counts


def test_an_empty_campaign_has_no_dead_canary() -> None:
    """Without batches nothing was planted; a canary that was found is not dead."""
    assert dead_canary([]) is None
    assert dead_canary([Outcome("hunting", 0, "f", 1, 1, counts={canary.RUN: 1, canary.FOUND: 1})]) is None
