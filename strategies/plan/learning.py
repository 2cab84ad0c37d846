"""What the hunting stream learns: which behaviours are known, which schedulers find new ones, which cases showed them.

Learning goes by epochs: batches 64 e to 64 e + 63 of the hunting stream use what the epochs before e taught, and
nothing of their own, so a batch stays a function of seed, configuration and number whoever runs it and when. After a
campaign's first epoch, every turn of the portfolio keeps a floor of seats, so that one which finds nothing for a
while is not lost, and the rest go by how many behaviours per seat it was the first to show, older epochs counting half.
One hunting batch in three varies cases of the corpus: cases that showed something new.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.strategies.draw.choices import LENGTH
from percpu_fuzz.strategies.plan.portfolio import TURNS

EPOCH_BATCHES = 64
FLOOR_SEATS = 3  # of 64 for each turn of the portfolio
SCORE_UNIT = 1 << 16  # scores are integers: machines agree
CORPUS_CASES = 64
CORPUS_A_BATCH = 2
VARYING_EVERY = 3  # has no divisor in common with an epoch, nor with a cycle of 100 families


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the epochs so far taught.

    known: behaviours seen, bit f for feature f; scores: new behaviours per seat of each turn, older epochs halved;
    order: the turn of each of an epoch's 64 batches; corpus: choices of cases, oldest first, as `written`.
    """

    known: int
    scores: tuple[int, ...]
    order: tuple[int, ...]
    corpus: tuple[str, ...] = ()

    def corpus_array(self) -> Any:
        """(n, LENGTH) int32."""
        if not self.corpus:
            return no_corpus()
        return np.array([list(base64.b64decode(case)) for case in self.corpus], dtype=np.int32)

    def to_json(self) -> dict[str, Any]:
        """As data fit for JSON."""
        return {
            "known": f"{self.known:x}",
            "scores": list(self.scores),
            "order": list(self.order),
            "corpus": list(self.corpus),
        }

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> Learnt:
        """The inverse of to_json()."""
        return Learnt(int(row["known"], 16), tuple(row["scores"]), tuple(row["order"]), tuple(row["corpus"]))


def no_corpus() -> Any:
    """A corpus without a case, (0, LENGTH) int32: every case of a batch is then a fresh draw."""
    return np.zeros((0, LENGTH), dtype=np.int32)


def written(choices: Any) -> str:
    """A list of choices (each below 256) as text."""
    return base64.b64encode(bytes(choices.tolist())).decode()


def new_cases(outcome: Outcome, last_case: Any) -> list[int]:
    """The cases of a batch that show most new behaviours: at most CORPUS_A_BATCH, ascending."""
    found = Counter(outcome.once.values())
    found.update(int(last_case[feature]) for feature in outcome.more)
    ranked = sorted(found, key=lambda case: (-found[case], case))
    return sorted(ranked[:CORPUS_A_BATCH])


def nothing_learnt(turns: int) -> Learnt:
    """Before the first epoch: all turns alike."""
    return Learnt(0, (0,) * turns, seats_in_order([1] * turns))


class Learner:
    """The epochs that were taken in. learnt[e]: what the epochs before number e taught, which epoch e uses."""

    def __init__(self) -> None:
        self.learnt = [NOTHING_LEARNT]

    @property
    def epochs(self) -> int:
        """How many epochs were taken in."""
        return len(self.learnt) - 1

    def used_by(self, k: int) -> Learnt:
        """What hunting batch k uses: the newest that is known, where its epoch's is not."""
        return self.learnt[min(k // EPOCH_BATCHES, self.epochs)]

    def learn(self, epoch: Iterable[Outcome]) -> None:
        """Take in the outcomes of the next whole epoch of hunting batches."""
        self.learnt.append(fold(self.learnt[-1], epoch))

    def lessons(self, since: int) -> list[dict[str, Any]]:
        """What epochs since, since + 1, ... taught, as data fit for JSON."""
        return [learnt.to_json() for learnt in self.learnt[since + 1 :]]

    def take_lessons(self, lessons: Iterable[Mapping[str, Any]]) -> None:
        """Know what another process learnt of the epochs after those that are known."""
        for lesson in lessons:
            self.learnt.append(shared(Learnt.from_json(lesson), self.learnt[-1]))

    def know(self, epoch: int, lesson: Mapping[str, Any]) -> None:
        """Take over what batches of one epoch use, whatever is known of those before it."""
        self.learnt += [self.learnt[0]] * (epoch - self.epochs)
        self.learnt[epoch] = shared(Learnt.from_json(lesson), self.learnt[max(epoch - 1, 0)])


def fold(learnt: Learnt, epoch: Iterable[Outcome]) -> Learnt:
    """What is known after an epoch; `epoch` gives its outcomes by number, the unknown ones too."""
    known, corpus = learnt.known, list(learnt.corpus)
    found = [0] * len(learnt.scores)
    for turn, outcome in zip(learnt.order, epoch, strict=True):
        features = 0
        for feature in (*outcome.once, *outcome.more):
            features |= 1 << feature
        found[turn] += (features & ~known).bit_count()
        known |= features
        corpus += outcome.corpus
    seats = Counter(learnt.order)
    scores = tuple(
        old // 2 + new * SCORE_UNIT // max(seats[turn], 1)
        for turn, (old, new) in enumerate(zip(learnt.scores, found, strict=True))
    )
    weights = [1] * len(scores) if sum(scores) == 0 else list(scores)
    return shared(Learnt(known, scores, seats_in_order(weights), tuple(corpus[-CORPUS_CASES:])), learnt)


def shared(learnt: Learnt, before: Learnt) -> Learnt:
    """The same, made of those parts of the epoch before that are equal.

    A campaign keeps one for each epoch: over a weekend that is thousands, of which only the first few differ much.
    """
    equal = {name: old for name in Learnt.__slots__ if (old := getattr(before, name)) == getattr(learnt, name)}
    return replace(learnt, **equal)


def seats_in_order(weights: Sequence[int]) -> tuple[int, ...]:
    """The turns of an epoch's batches: FLOOR_SEATS each, the rest by weight, spread evenly."""
    return spread(allotted(weights, EPOCH_BATCHES, FLOOR_SEATS))


def allotted(weights: Sequence[int], places: int, floor: int) -> list[int]:
    """So many places: `floor` for each weight, the rest by weight (largest remainders)."""
    spare = places - floor * len(weights)
    whole = [spare * weight // sum(weights) for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda t: (-(spare * weights[t] % sum(weights)), t))
    for turn in remainders[: spare - sum(whole)]:
        whole[turn] += 1
    return [floor + number for number in whole]


def spread(numbers: Sequence[int]) -> tuple[int, ...]:
    """A cycle of sum(numbers) places in which each index has its number of places, evenly apart."""
    places = sorted((2 * i + 1, number, index) for index, number in enumerate(numbers) for i in range(number))
    ranked = sorted(places, key=lambda place: (place[0] / (2 * place[1]), place[2]))
    return tuple(index for _, _, index in ranked)


def varies(k: int) -> bool:
    """Whether hunting batch k varies the corpus, if there is one."""
    return k % VARYING_EVERY == VARYING_EVERY - 1


NOTHING_LEARNT = nothing_learnt(len(TURNS))
