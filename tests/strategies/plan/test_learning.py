"""What the hunting stream learns by epochs: seats of schedulers, known behaviours, the corpus; and that it repeats."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from few_cases import few_cases

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.strategies.draw.choices import LENGTH
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import Batches, choices_of
from percpu_fuzz.strategies.plan.learning import (
    EPOCH_BATCHES,
    FLOOR_SEATS,
    SCORE_UNIT,
    VARYING_EVERY,
    Learner,
    Learnt,
    fold,
    nothing_learnt,
    seats_in_order,
    spread,
    varies,
    written,
)
from percpu_fuzz.strategies.plan.portfolio import TURNS
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import repeated


def outcome(k: int, more: tuple[int, ...] = (), corpus: tuple[str, ...] = ()) -> Outcome:
    return Outcome("hunting", k, "f", 10, 100, more=more, corpus=corpus)


@pytest.mark.parametrize("weights", [[1] * 9, [5, 0, 0, 0, 0, 0, 0, 0, 1], [1000, 1, 1], [7]])
def test_seats_fill_an_epoch_with_a_floor_for_each(weights: list[int]) -> None:
    """64 places; nobody has fewer than the floor; the rest is by weight to within one place."""
    seats = Counter(seats_in_order(weights))
    spare = EPOCH_BATCHES - FLOOR_SEATS * len(weights)
    assert sum(seats.values()) == EPOCH_BATCHES
    for turn, weight in enumerate(weights):
        assert abs(seats[turn] - FLOOR_SEATS - spare * weight / sum(weights)) < 1


def test_spread_keeps_places_apart() -> None:
    """Of 4 and 2 places, no three of the first in a row: by hand 0 0 1 0 0 1 shifted evenly."""
    assert spread([4, 2]) == (0, 1, 0, 0, 1, 0)
    assert spread([1, 1, 1]) == (0, 1, 2)


def test_a_turn_that_shows_more_gets_more_seats_and_old_merit_fades() -> None:
    """By hand: only turn 0 of two shows features in epoch 0; turn 1 shows as many new ones per seat in epoch 1."""
    start = nothing_learnt(2)
    first = fold(start, [outcome(k, (k,) if start.order[k] == 0 else ()) for k in range(EPOCH_BATCHES)])
    assert first.scores == (SCORE_UNIT, 0)
    assert Counter(first.order) == {0: EPOCH_BATCHES - FLOOR_SEATS, 1: FLOOR_SEATS}
    second = fold(first, [outcome(k, (1000 + k,) if first.order[k] == 1 else ()) for k in range(EPOCH_BATCHES)])
    assert second.scores == (SCORE_UNIT // 2, SCORE_UNIT)
    assert Counter(second.order)[1] > Counter(second.order)[0]


def test_what_is_known_counts_once() -> None:
    """The same feature from 64 batches is one discovery, credited to the first; in the next epoch it is none."""
    start = nothing_learnt(1)
    once = fold(start, [outcome(k, (5,)) for k in range(EPOCH_BATCHES)])
    assert once.known == 1 << 5
    assert once.scores == (SCORE_UNIT // EPOCH_BATCHES,)
    assert fold(once, [outcome(k, (5,)) for k in range(EPOCH_BATCHES)]).scores == (once.scores[0] // 2,)


def test_epochs_that_teach_nothing_new_share_what_is_known() -> None:
    """In the parent and in a worker that gets it as a lesson: the same objects, not equal ones, and the same seats."""
    parent, worker = Learner(), Learner()
    case = written(np.arange(LENGTH) % 256)
    parent.learn([outcome(k, (3, 1000), (case,)) for k in range(EPOCH_BATCHES)])
    parent.learn([outcome(k, (3, 1000)) for k in range(EPOCH_BATCHES, 2 * EPOCH_BATCHES)])
    worker.take_lessons(json.loads(json.dumps(parent.lessons(0))))
    assert worker.learnt == parent.learnt
    for one in (parent, worker):
        assert one.learnt[1].corpus is one.learnt[2].corpus
        assert one.learnt[1].known is one.learnt[2].known
        assert one.learnt[1].known != one.learnt[0].known


def test_an_epoch_that_is_not_whole_is_refused() -> None:
    """63 outcomes are no epoch."""
    with pytest.raises(ValueError, match="shorter"):
        fold(nothing_learnt(1), [outcome(k) for k in range(EPOCH_BATCHES - 1)])


def test_corpus_is_written_and_read_back() -> None:
    """Choices go through text unchanged; the newest cases stay when there are too many."""
    choices = np.arange(LENGTH, dtype=np.int32) % 64
    learnt = fold(nothing_learnt(1), [outcome(k, corpus=(written(choices),)) for k in range(EPOCH_BATCHES)])
    again = Learnt.from_json(learnt.to_json())
    assert again == learnt
    assert (again.corpus_array() == choices).all()
    assert again.corpus_array().shape == (64, LENGTH)


def unlearnt() -> tuple[Batches, Learner]:
    """Batches that have taken in nothing."""
    batches = Batches(make_plan("v2", 11, preset("two-node")))
    assert batches.learner is not None
    return batches, batches.learner


def learnt() -> tuple[Batches, Learner, list[Outcome]]:
    """Batches that have taken in one epoch of few cases a batch."""
    batches, learner = unlearnt()
    epoch = [few_cases(batches, "hunting", k, 20) for k in range(EPOCH_BATCHES)]
    learner.learn(epoch)
    return batches, learner, epoch


def test_batches_after_an_epoch_depend_on_what_it_taught_and_on_nothing_else() -> None:
    """Two processes that took in the same epoch run the next batches alike; one that took in nothing differs."""
    one, teacher, epoch = learnt()
    other, pupil = unlearnt()
    pupil.take_lessons(teacher.lessons(0))
    fresh, _ = unlearnt()
    numbers = range(EPOCH_BATCHES, EPOCH_BATCHES + 6)
    first, second, third = (
        [few_cases(batches, "hunting", k, 50).canonical() for k in numbers] for batches in (one, other, fresh)
    )
    assert first == second
    assert first != third
    assert few_cases(one, "measurement", 70, 50) == few_cases(fresh, "measurement", 70, 50)
    assert any(row.corpus for row in epoch)


def test_varied_cases_resemble_their_parents_and_fresh_ones_do_not() -> None:
    """About half of a varying batch's cases agree with some corpus case in more than 9 of 10 positions; no case of
    another batch does: fresh draws agree by chance, and in far fewer places.
    """
    batches, learner, _ = learnt()
    varying = next(k for k in range(EPOCH_BATCHES, 2 * EPOCH_BATCHES) if varies(k))
    corpus = learner.learnt[-1].corpus_array()
    alike = {
        k: [resembles(batches.batch_of("hunting", k), case, corpus) for case in range(200)]
        for k in (varying, varying + 1)
    }
    assert 60 < sum(alike[varying]) < 140  # 100 +- 5.6 standard deviations
    assert sum(alike[varying + 1]) == 0


def resembles(batch: Batch, case: int, corpus: Any) -> bool:
    choices = np.frombuffer(base64.b64decode(choices_of(batch, case)), dtype=np.uint8)
    return bool(((corpus == choices).mean(axis=1) > 0.9).any())


def test_a_varied_case_is_found_again_from_its_numbers() -> None:
    """Plain redraw and replay agree with the compiled batch on cases that vary the corpus: the violations are equal."""
    batches, _, _ = learnt()
    batch = batches.batch_of("hunting", next(k for k in range(EPOCH_BATCHES, 2 * EPOCH_BATCHES) if varies(k)))
    assert len(batch.corpus)
    found = batches.run(replace(batch, cases=300))
    assert found.first_cases
    for signature, cases in found.first_cases.items():
        scenario, run = repeated(batch, cases[0])
        assert run.broken(signature.invariant) is not None
        assert scenario.topology.name == "two-node"


def test_only_fresh_cases_count_for_pct() -> None:
    """Cases that vary the corpus are no draws of the stream that PCT's bound is about: they are not counted for it."""
    batches, learner, _ = learnt()
    turns = learner.learnt[-1].order
    for k in range(EPOCH_BATCHES, 2 * EPOCH_BATCHES):
        name, depth = TURNS[turns[k - EPOCH_BATCHES]]
        counts = few_cases(batches, "hunting", k, 2).counts
        assert counts.get(f"pct.depth.{depth}", 0) == (2 if name == "pct" and not varies(k) else 0)


def test_every_family_is_varied() -> None:
    """Over whole cycles of families each has batches that vary and batches that do not."""
    families = 100
    seen = {(k % families, varies(k)) for k in range(families * VARYING_EVERY)}
    assert len(seen) == 2 * families
