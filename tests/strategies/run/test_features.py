"""Features of interleavings, counted by a batch, against the steps of the same cases replayed one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from few_cases import few_cases

from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import families, preset
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import Batches, machinery_of, run_batch
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.portfolio import FEATURES_EVERY
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import repeated
from percpu_fuzz.strategies.run.features import NR_LABELS, NR_PAIRS
from percpu_fuzz.strategies.run.replay import run_scenario
from percpu_fuzz.strategies.run.tally import new_rows

CASES = 12


@pytest.fixture(scope="module")
def batches() -> Batches:
    return Batches(make_plan("v2", 11))


def replayed(batch: Batch) -> list[set[int]]:
    """The features of the first cases of a batch, from their replays."""
    found = []
    for case in range(CASES):
        scenario, _ = repeated(batch, case)
        run = run_scenario(scenario, batch.variant)
        pairs = {
            NAMES.index(a.label) * NR_LABELS + NAMES.index(b.label) for a, b in pairwise(run.steps) if a.task != b.task
        }
        found.append(pairs | {NR_PAIRS + h for h in range(1, 26) if run.state.hazard[h]})
    return found


@pytest.mark.parametrize("stream", ["measurement", "hunting"])
def test_a_batch_counts_what_its_cases_show(batches: Batches, stream: str) -> None:
    """Features of exactly one case come with that case; those of several without; nothing else is there."""
    cases = replayed(batches.batch_of(stream, 0))
    counted = Counter(feature for features in cases for feature in features)
    outcome = few_cases(batches, stream, 0, CASES)
    assert outcome.once == {f: next(c for c, has in enumerate(cases) if f in has) for f, n in counted.items() if n == 1}
    assert outcome.more == tuple(sorted(f for f, n in counted.items() if n > 1))
    assert len(outcome.once) > (50 if stream == "measurement" else 5)  # hunting begins with PCT: few switches
    assert outcome.counts.get("feature_cases", 0) == (CASES if stream == "measurement" else 0)


def test_most_measurement_batches_keep_none(batches: Batches) -> None:
    """One in nine has features; the others hold none, and do not say that they looked."""
    outcome = few_cases(batches, "measurement", FEATURES_EVERY - 1, CASES)
    assert (outcome.once, outcome.more) == ({}, ())
    assert "feature_cases" not in outcome.counts
    assert few_cases(batches, "measurement", FEATURES_EVERY, CASES).once


def test_hunting_batches_keep_what_is_new() -> None:
    """A batch leaves out what the epochs before it have shown; knowing nothing, it keeps everything."""
    batches = Batches(make_plan("v2", 1, preset("two-node")))
    batch = replace(batches.batch_of("hunting", 65), cases=CASES)
    whole = batches.run(batch)
    known = set(list(whole.once)[:20]) | set(whole.more[:5])
    new = batches.run(replace(batch, known=sum(1 << feature for feature in known)))
    assert new.once == {feature: case for feature, case in whole.once.items() if feature not in known}
    assert new.more == tuple(feature for feature in whole.more if feature not in known)
    assert new.violations == whole.violations


def test_features_survive_the_store() -> None:
    """Canonical bytes give the same outcome back."""
    outcome = Outcome("hunting", 0, "f", 2, 9, once={7: 1, 3: 0}, more=(0, 5, 11_000))
    again = Outcome.from_canonical(outcome.canonical())
    assert again == outcome
    assert again.canonical() == outcome.canonical()


def test_pairs_are_noted_only_where_they_are_kept() -> None:
    """A measurement batch that keeps no features notes none; the next that keeps them does, with the same records."""
    batches = Batches(Plan(VARIANTS["v2"], 11, families()[:1]))
    machinery = machinery_of(batches.batch_of("measurement", 1))
    for k, kept in ((0, True), (1, False), (FEATURES_EVERY, True)):
        batch = replace(batches.batch_of("measurement", k), cases=CASES)
        run_batch(batch, machinery, new_rows(CASES))
        assert (machinery.trails[0]["nr_pairs"] > 0) == kept
