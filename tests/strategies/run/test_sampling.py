"""The fast sampler leaves of every case what the full engine leaves of it, unchecked and in fewer steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from percpu_fuzz.engine.outcome import MEASUREMENT, Outcome
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.fuzz.variant_files import uncompiled
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import Batches, run_alone
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.outcomes import of_waste
from percpu_fuzz.strategies.run.walk import CHECK_NONE

PATCHES = Path(__file__).resolve().parents[3] / "docs" / "patches"
CASES = {"thousand": 3, "wide-random": 40}
EVERY_FAMILY = [family.name for family in make_plan("v2", 0).families]


def batch_of(family: str, variant: str = "v2", faults: tuple[str, ...] = ()) -> Batch:
    """A measurement batch of a family."""
    plan = make_plan(variant, 11, faults=faults)
    batch = next(b for b in (plan.batch_of(MEASUREMENT, k) for k in range(plan.pilot)) if b.family.name == family)
    return replace(batch, cases=CASES.get(family, 300))


def both(batch: Batch) -> tuple[Outcome, Outcome]:
    """What the full engine leaves of charged allocations, and the sample; steps apart."""
    full, sample = run_alone(batch), run_alone(replace(batch, waste_only=True))
    assert sample.steps < full.steps
    return of_waste(full), of_waste(sample)


def same(full: Outcome, sample: Outcome) -> bool:
    """Whether histograms and counts are equal; how long cases were and what ended them after that is not asked."""
    return (full.histograms, full.counts) == (sample.histograms, sample.counts)


@pytest.mark.parametrize("family", EVERY_FAMILY)
def test_a_sample_is_what_the_full_engine_shows_case_by_case(family: str) -> None:
    """In every family: all distributions of probes and charged allocations are equal; other draws give others."""
    batch = batch_of(family)
    full, sample = both(batch)
    assert full.histograms["waste_pages.parts"]
    assert same(full, sample)
    assert not same(full, of_waste(run_alone(replace(batch, draw=batch.draw + 1, waste_only=True))))


@pytest.mark.parametrize("variant", ["v1", "v2-fast", "split", "fixed"])
def test_it_is_so_for_other_variants_and_with_failures(variant: str) -> None:
    """Also where allocations, charges and pages fail more often."""
    assert same(*both(batch_of("small-random", variant, ("populate=0.2", "charge=0.1", "nested-refresh"))))


def test_steps_of_ones_own_are_sampled_too() -> None:
    """A patch with steps of its own, as plain Python: a sample leaves what the full engine leaves."""
    own = sorted(path for path in PATCHES.glob("*.py") if variant_option(str(path)).own.has_code)[0]
    plan = make_plan(uncompiled(variant_option(str(own))), 4, preset("two-node"))
    assert same(*both(replace(plan.batch_of(MEASUREMENT, 0), cases=6)))


def test_a_plan_of_samples_says_so_and_carries_no_canary() -> None:
    """It is told apart by its description and made again from its recipe; a batch holds neither checks nor features."""
    batches = Batches(make_plan("v2", 1, preset("two-node"), waste_only=True))
    outcome = batches.outcome(MEASUREMENT, 0)
    assert batches.plan.describe()["waste only"] is True
    assert "waste only" not in make_plan("v2", 1, preset("two-node")).describe()
    assert outcome.violations == {}
    assert not [name for name in outcome.counts if name.startswith(("canary", "hazard", "feature"))]
    assert "in_flight_pages" not in outcome.histograms


def test_checks_change_nothing_of_a_case() -> None:
    """Checks look and do not touch: without them every figure but the violations is the same."""
    batch = batch_of("small-random")
    seen, unseen = run_alone(batch), run_alone(batch, CHECK_NONE)
    assert (seen.steps, seen.histograms, of_waste(seen).counts) == (
        unseen.steps,
        unseen.histograms,
        of_waste(unseen).counts,
    )
