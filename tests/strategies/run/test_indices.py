"""No step, check or scheduler uses a negative index of a record: compiled code does not count from the end."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from few_cases import rounds

from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.mutants import FIXED, mutants_of
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.redraw import drawn_case, next_task_of
from percpu_fuzz.strategies.run.steps import steps

MOST_STEPS = 20_000


class FromTheFront(list[int]):
    """A field of a plain record that takes no negative index; PlainGrid takes none anyway."""

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and index < 0:
            raise IndexError(f"negative index {index}")
        return super().__getitem__(index)

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, int) and index < 0:
            raise IndexError(f"negative index {index}")
        super().__setitem__(index, value)


@pytest.fixture
def from_the_front(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain records are made of such fields."""
    make: Any = PlainRecord.__init__

    def made(self: Any, record: Any) -> None:
        make(self, record)
        for name, value in list(vars(self).items()):
            if type(value) is list:
                setattr(self, name, FromTheFront(value))

    monkeypatch.setattr(PlainRecord, "__init__", made)


def run(batch: Batch, cpu: int = 0) -> int:
    """Steps of a batch's first case; cpu: if negative, where task 0 runs."""
    drawn = drawn_case(batch, 0)
    drawn.state.task_cpu[0] = cpu if cpu < 0 else drawn.state.task_cpu[0]
    next_task = next_task_of(batch, 0, drawn)
    return sum(1 for _ in islice(steps(batch.variant, drawn.topo, drawn.prog, drawn.state, next_task), MOST_STEPS))


def variants() -> tuple[Variant, ...]:
    """The shipped ones, and every mutant of fixed."""
    return (*VARIANTS.values(), *(mutant.variant for mutant in mutants_of(FIXED)))


def test_no_index_is_negative(from_the_front: None) -> None:
    """Six cases of both streams of each variant, on small machines, under the schedulers of the batches; of each mutant
    two of the six in turn, and all in the exam.
    """
    for number, variant in enumerate(variants()):
        for k in range(6) if variant.name in VARIANTS or rounds(0, 1) else (number % 6, (number + 1) % 6):
            assert run(Plan(variant, 5, families()[k % 3 : k % 3 + 1]).batch_of(STREAMS[k % 2], k)) > 0


def test_a_negative_index_is_seen(from_the_front: None) -> None:
    """Control: a task that runs on CPU -1 is noticed."""
    batch = Plan(VARIANTS["v2"], 5, families()[:1]).batch_of(STREAMS[0], 0)
    with pytest.raises(IndexError, match="negative index -1"):
        run(batch, cpu=-1)
