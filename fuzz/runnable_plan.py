"""RunnablePlan and RunnableBatches: what a campaign needs of the thing it runs; tests bring their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from mmap import mmap
from typing import Any, Protocol

from percpu_fuzz.engine.outcome import Outcome


class Learner(Protocol):
    """What learns by epochs of fuzz.schedule.EPOCH_BATCHES hunting batches.

    Epoch e + 1 uses what epochs 0 to e taught; a lesson is what one of them did, as data fit for JSON.
    """

    @property
    def epochs(self) -> int:
        """How many epochs are known."""

    def learn(self, epoch: Iterable[Outcome]) -> object:
        """Take in the next epoch, its outcomes by number."""

    def lessons(self, since: int) -> list[dict[str, Any]]:
        """What epochs since, since + 1, ... taught."""

    def take_lessons(self, lessons: Sequence[dict[str, Any]]) -> None:
        """Know what another process learnt: the lessons of the epochs after those that are known."""


class RunnablePlan(Protocol):
    """What is run, described.

    describe() must hold "variant" (str), "seed" (int) and "families" (name -> weight); it is printed before the run
    and stored with it.
    """

    def describe(self) -> dict[str, object]:
        """Every drawn or chosen option, as data fit for JSON."""

    def recipe(self) -> dict[str, Any]:
        """What another process, with nothing of this one, needs to make the same plan; data fit for JSON."""


class RunnableBatches(Protocol):
    """The batches of a plan. The parent calls warm() once before it forks the workers; they call outcome()."""

    @property
    def plan(self) -> RunnablePlan:
        """What says of every batch what it draws."""

    @property
    def learner(self) -> Learner | None:
        """None where nothing is learnt."""

    @property
    def pilot(self) -> int:
        """The first so many measurement batches are to be taken in with take_pilot(); 0 for none, or no more."""

    @property
    def seated_from(self) -> int | None:
        """The first measurement batch that cannot be run before that; None for none, or no more."""

    def take_pilot(self, outcomes: Iterable[Outcome]) -> None:
        """Take in the outcomes of the pilot's batches, by number."""

    def seating(self) -> list[int] | None:
        """What the pilot said, which measurement batches need from seated_from on; None before that."""

    def take_seating(self, seating: Sequence[int]) -> None:
        """Know what the pilot said in another process."""

    def cases_per_batch(self, stream: str, k: int) -> int | None:
        """How many cases batch k of a stream holds; known without running it, but None before the pilot is taken in."""

    def warm(self) -> float:
        """Compile what outcome() needs in this process; seconds that it took."""

    def outcome(self, stream: str, k: int) -> Outcome:
        """Run batch k of a stream: a function of (seed, stream, k), of the lessons so far, and of nothing else."""

    @property
    def watch_bytes(self) -> int:
        """How much shared memory outcome() needs to say which case it is at."""

    def watch(self, memory: mmap) -> None:
        """From now on outcome() leaves its traces there."""

    def case_at(self, memory: mmap, stream: str, k: int) -> int | None:
        """The case that batch k was at when it left these traces; None after its last case."""
