"""What a batch costs the process that hands it out: its number, the worker's answer, the store, the lessons."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from percpu_fuzz.fuzz.bench.measure import Measurement, timed
from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher, Limits
from percpu_fuzz.fuzz.campaign.events import WorkerEvent, answer
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan

FIRST_BATCHES = 160  # of a campaign, half of them hunting: an epoch of lessons and the pilot are among them
LIMITS = Limits(None, None, Fraction(1, 2), 1)


def parent_measurements() -> Iterator[Measurement]:
    """The first batches of a campaign on v2, answered beforehand: by the parent alone, without its workers' time.

    An answer comes pickled, as a pipe brings it. The view of the terminal is not part of it: it has its own clock.
    """
    plan = make_plan("v2", 1)
    answers: list[bytes] = []
    yield Measurement(
        "parent", "a batch, without its worker", "ms a batch", 1e3,
        lambda: (timed(lambda: taken(plan, answers)), len(answers)), lambda: answers.extend(answered(plan)),
    )  # fmt: skip


def answered(plan: Plan) -> list[bytes]:
    """What a worker answers to each of the first batches of a campaign, in the order in which they are handed out."""
    answers = []
    with TemporaryDirectory() as folder:
        dispatcher = dispatcher_in(folder, plan)
        for _ in range(FIRST_BATCHES):
            batch = dispatcher.next()
            assert batch is not None, "a campaign without limits has a next batch"
            event = answer(dispatcher.batches, batch.stream, batch.k)
            dispatcher.take(event)
            answers.append(pickle.dumps(event))
        dispatcher.store.close()
    return answers


def taken(plan: Plan, answers: list[bytes]) -> None:
    """Hand out as many batches and take these answers to them."""
    with TemporaryDirectory() as folder:
        dispatcher = dispatcher_in(folder, plan)
        for row in answers:
            batch = dispatcher.next()
            event: WorkerEvent = pickle.loads(row)
            assert batch == event.batch, "the same plan hands out the same batches"
            dispatcher.take(event)
        dispatcher.store.close()


def dispatcher_in(folder: str, plan: Plan) -> Dispatcher:
    """A campaign from its beginning."""
    return Dispatcher(Batches(plan), Store(Path(folder) / "campaign.db"), LIMITS)
