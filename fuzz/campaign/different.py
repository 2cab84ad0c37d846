"""The search for differences of behaviour: batches over worker processes, counts by kind, the first case of each."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from percpu_fuzz.engine.outcome import MEASUREMENT, STREAMS
from percpu_fuzz.fuzz.findings.different import shown_difference
from percpu_fuzz.fuzz.findings.helpers import answers_of
from percpu_fuzz.fuzz.findings.pick import Place
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.processes import leave_signals_to_parent
from percpu_fuzz.fuzz.progress import Sign
from percpu_fuzz.strategies.plan.compared import BatchDifferences, Compared

SEARCH_SHARE = 0.7  # of the time; the rest is for shrinking


@dataclass(slots=True)
class Shows:
    """Cases that showed a difference of one kind: measured ones by family, hunted ones, and the first of all."""

    first: Place
    measured: dict[str, int] = field(default_factory=dict)
    hunted: int = 0


@dataclass(slots=True)
class Differences:
    """What was run, and the kinds that each of the other accountings showed. cases: measured ones, by family."""

    cases: dict[str, int] = field(default_factory=dict)
    hunted: int = 0
    kinds: list[dict[str, Shows]] = field(default_factory=list)

    @property
    def all_cases(self) -> int:
        """Cases of both streams."""
        return sum(self.cases.values()) + self.hunted

    def add(self, batch: BatchDifferences) -> None:
        """Take in the next batch."""
        is_measured = batch.stream == MEASUREMENT
        if is_measured:
            self.cases[batch.family] = self.cases.get(batch.family, 0) + batch.cases
        else:
            self.hunted += batch.cases
        for mine, found in zip(self.kinds, batch.kinds, strict=True):
            for name, (count, case) in found.items():
                kind = mine.setdefault(name, Shows((batch.stream, batch.k, case)))
                if is_measured:
                    kind.measured[batch.family] = kind.measured.get(batch.family, 0) + count
                else:
                    kind.hunted += count


_compared: list[Compared] = []


def compare_batch(number: int) -> BatchDifferences:
    """In a worker: batch `number`, the streams in turn."""
    compared = _compared[0]
    return compared.run(compared.batch_of(STREAMS[number % 2], number // 2))


def search(
    compared: Compared, workers: int, cases: int | None, seconds: float | None, interrupts: Interrupts
) -> Differences:
    """Batches in order until there are so many cases, the time is over or the end is asked for."""
    _compared[:] = [compared]
    found = Differences(kinds=[{} for _ in compared.variants[1:]])
    enough = interrupts.or_at(None if seconds is None else time.monotonic() + seconds * SEARCH_SHARE)
    context = multiprocessing.get_context("fork")
    sign = Sign("cases compared", cases or 0)
    waiting: list[Future[BatchDifferences]] = []
    asked, number = 0, 0
    with sign, ProcessPoolExecutor(workers, mp_context=context, initializer=leave_signals_to_parent) as pool:
        while waiting or not (enough() or (cases is not None and asked >= cases)):
            while len(waiting) < 2 * workers and not enough() and (cases is None or asked < cases):
                waiting.append(pool.submit(compare_batch, number))
                asked += compared.plan.cases_per_batch(STREAMS[number % 2], number // 2)
                number += 1
            if waiting:
                found.add(waiting.pop(0).result())
                sign.at(found.all_cases)
    return found


def shown_differences(
    compared: Compared, found: Differences, workers: int, enough: Callable[[], bool]
) -> list[dict[str, dict[str, Any]]]:
    """For each of the other accountings, by kind, the first case of it, shrunk; those that there was time for."""
    wanted = [(j, kind) for j, kinds in enumerate(found.kinds) for kind in by_importance(kinds)]
    tasks = []
    for j, kind in wanted:
        stream, k, case = found.kinds[j][kind].first
        variants = compared.variants[0], compared.variants[j + 1]
        tasks.append((compared.batch_of(stream, k), case, *variants, kind))
    with Sign("differences shrunk", len(tasks)) as sign:
        answers = answers_of(shown_difference, tasks, workers, enough, sign.at)
    rows: list[dict[str, dict[str, Any]]] = [{} for _ in found.kinds]
    for task, row in sorted(answers.items()):
        j, kind = wanted[task]
        rows[j][kind] = row
    return rows


def by_importance(kinds: dict[str, Shows]) -> Sequence[str]:
    """What became of operations first, then events, then amounts; each by how many cases showed it."""

    def rank(name: str) -> tuple[int, int, str]:
        kind = kinds[name]
        class_ = 0 if " | " in name else 1 if "events" in name else 2
        return class_, -(sum(kind.measured.values()) + kind.hunted), name

    return sorted(kinds, key=rank)
