"""Joint shrinking of machine, program, placement and schedule, to a scenario that no single step makes smaller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.scenario import Finding, Scenario, Switch
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.fuzz.shrink import candidates
from percpu_fuzz.fuzz.shrink.attempt import AT_THE_END, DEFAULT_EXECUTIONS, Attempt, BudgetSpentError, Gate
from percpu_fuzz.fuzz.shrink.machines import alone, even_machines, moved, plainer_machines, resized_on


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest attempt found. minimal: no single removal or reduction fails any more; else the budget ended it.

    cut_short: it was the time that ended, not the executions.
    """

    attempt: Attempt
    minimal: bool
    executions: int
    cut_short: bool = False


T = TypeVar("T")


def reduced(items: Sequence[T], still_fails: Callable[[list[T]], bool]) -> list[T]:
    """A sublist that still fails and from which no single item can be left out (1-minimal): ever smaller parts go.

    Delta debugging, Zeller and Hildebrandt: "Simplifying and isolating failure-inducing input", TSE 2002, section 3;
    complements only, and the granularity is not reset after a success, as shorter lists are reached by the next round.
    """
    kept = list(items)
    if kept and still_fails([]):
        return []
    part = max(1, len(kept) // 2)
    while True:
        start, removed = 0, False
        while start < len(kept):
            shorter = kept[:start] + kept[start + part :]
            if len(shorter) < len(kept) and still_fails(shorter):
                kept, removed = shorter, True
            else:
                start += part
        if part > 1:
            part = max(1, part // 2)
        elif not removed:
            return kept


class Shrinker:
    """Goes from attempt to smaller attempt. `best` is always a scenario that shows the violation."""

    def __init__(self, gate: Gate, first: Attempt) -> None:
        self.gate = gate
        self.best = first

    def offer(self, scenario: Scenario) -> bool:
        """Execute a candidate and keep it if it still fails and is smaller."""
        found = self.gate.attempt(scenario)
        if found is None or found.size >= self.best.size:
            return False
        self.best = found
        return True

    def run(self, hints: Sequence[Scenario] = ()) -> bool:
        """Passes until none makes it smaller; False if the budget ended it."""
        try:
            for hint in hints:
                self.offer(hint)
            self._coarse()
            while self._round():
                pass
        except BudgetSpentError:
            return False
        return True

    def _coarse(self) -> None:
        """The big cuts first: no schedule, whole tasks, halves of operations."""
        self.offer(replace(self.best.scenario, schedule=()))
        self._tasks()
        self._ops()
        self._until_none(lambda: alone(self.best))

    def _round(self) -> bool:
        before = self.best.size
        phases = (
            self._tasks, self._ops, self._machine, self._machine_and_sizes, self._memcgs, self._schedule,
            self._surroundings, self._values,
        )  # fmt: skip
        for phase in phases:
            phase()
        return self.best.size < before

    def _tasks(self) -> None:
        t = len(self.best.scenario.program.tasks) - 1
        while t >= 0:
            if len(self.best.scenario.program.tasks) > 1:
                self.offer(candidates.without_task(self.best, t))
            t = min(t, len(self.best.scenario.program.tasks)) - 1

    def _ops(self) -> None:
        for t in range(len(self.best.scenario.program.tasks)):
            base = self.best

            def fails(keep: list[int], base: Attempt = base, t: int = t) -> bool:
                return self.offer(candidates.without_ops(base, t, keep))

            reduced(range(len(base.scenario.program.tasks[t].ops)), fails)

    def _machine(self) -> None:
        """Smaller and plainer machines, from where the best attempt is."""

        def neighbours() -> Iterator[Scenario | None]:
            best = self.best
            return (moved(best.scenario, best.events, machine) for machine in plainer_machines(best.scenario.topology))

        self._until_none(neighbours)

    def _machine_and_sizes(self) -> None:
        """A smaller machine together with another size of every allocation: fewer CPUs often need larger areas."""
        self._until_none(
            lambda: resized_on(self.best.scenario, self.best.events, even_machines(self.best.scenario.topology))
        )

    def _memcgs(self) -> None:
        m = len(self.best.scenario.program.memcgs)
        while m >= 1:
            if len(self.best.scenario.program.memcgs) >= m:
                self.offer(candidates.without_memcg(self.best, m))
            m -= 1

    def _schedule(self) -> None:
        """Fewer switches: leave some out, let what follows run where it can."""
        base = self.best.scenario

        def fails(switches: list[Switch]) -> bool:
            return self.offer(replace(base, schedule=tuple(switches)))

        reduced(base.schedule, fails)

    def _surroundings(self) -> None:
        self._until_none(lambda: candidates.simpler_surroundings(self.best))
        self._until_none(lambda: candidates.simpler_memcgs(self.best))

    def _values(self) -> None:
        self._until_none(lambda: candidates.simpler_tasks(self.best))
        self._until_none(lambda: candidates.simpler_ops(self.best))

    def _until_none(self, neighbours: Callable[[], Iterator[Scenario | None]]) -> None:
        """Take the first smaller neighbour, look again from there."""
        while any(self.offer(scenario) for scenario in neighbours() if scenario is not None):
            pass


def shrink(
    finding: Finding, variant: Variant, executions: int = DEFAULT_EXECUTIONS, seconds: float | None = None,
    enough: Callable[[], bool] = lambda: False, hints: Sequence[Scenario] = (),
) -> Shrunk | None:  # fmt: skip
    """Shrink a finding on a variant; None if its violation does not show.

    seconds: bounds the time from now; enough: asked before each execution, ends it sooner. hints: small scenarios that
    may break the same invariant in the same step, tried first; what breaks at the end has too many causes for that.

    What breaks in a step of the kernel still breaks in the same step; what is judged at the end may move.
    """
    shrinker = begun(finding, variant, executions, seconds, enough)
    if shrinker is None:
        return None
    minimal = shrinker.run(hints if shrinker.gate.at is not None else ())
    return Shrunk(shrinker.best, minimal, shrinker.gate.executions, shrinker.gate.cut_short)


def begun(
    finding: Finding, variant: Variant, executions: int = DEFAULT_EXECUTIONS, seconds: float | None = None,
    enough: Callable[[], bool] = lambda: False,
) -> Shrinker | None:  # fmt: skip
    """A shrinker at the finding itself, its gate bound to what breaks there; None if the violation does not show."""
    deadline = None if seconds is None else time.monotonic() + seconds
    gate = Gate(variant, finding.invariant, executions, deadline, enough)
    first = gate.attempt(finding.scenario)
    if first is None:
        return None
    if NAMES[first.label] not in AT_THE_END:
        gate.at = first.label
    return Shrinker(gate, first)
