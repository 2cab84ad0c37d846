"""Hypothesis over `scenarios` reaches the code: the shortfall of v1 is found as a campaign finds it."""

from __future__ import annotations

from random import Random

import pytest
from few_cases import rounds
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis.errors import NoSuchExample

from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.given.scenarios import scenarios
from percpu_fuzz.strategies.run.replay import compiled_violations

SEEDS, EXAMPLES = rounds(6, 20), 300


def found_within(variant: Variant, seed: int, examples: int) -> bool:
    """Whether so many drawn examples break I1."""
    look = settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    def short(scenario: Scenario) -> bool:
        return any(broken.invariant == "I1" for broken in compiled_violations(scenario, variant))

    try:
        find(scenarios(variant), short, settings=look, random=Random(seed))
    except NoSuchExample:
        return False
    return True


def test_the_shortfall_of_v1_is_found() -> None:
    """Within 300 examples for all seeds but one; 90 are needed on average, as Hypothesis repeats itself.

    So six seeds miss it twice with a chance of 2% where they are drawn anew. If a thousand were needed, all but one of
    six would find it with a chance of 0.6%.
    """
    assert sum(found_within(VARIANTS["v1"], seed, EXAMPLES) for seed in range(SEEDS)) >= SEEDS - 1


@pytest.mark.parametrize("seed", range(2))
def test_fixed_has_none(seed: int) -> None:
    """Control: the same search finds nothing in the reference."""
    assert not found_within(VARIANTS["fixed"], seed, 60)
