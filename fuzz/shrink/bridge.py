"""The bridge to Hypothesis's shrinker: the one module that knows its inner names.

They are not public and may move with any version. Then the result is the own shrinker's, and the note says so. They are
imported where they are used: Hypothesis is slow to load, and only who asks for more shrinking waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from random import Random
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.fuzz.shrink.attempt import Attempt, BudgetSpentError, Gate
from percpu_fuzz.fuzz.shrink.numbers import Ranges, Reading, Source, Start, ranges_of
from percpu_fuzz.fuzz.shrink.shrinker import Shrinker
from percpu_fuzz.reports.numbers import plural

POLISH_EXECUTIONS = 2_000
CALLS_AN_EXECUTION = 5  # that many candidates of Hypothesis may be none, or known, for each that is executed
SEED = 0
GROUPS = {"cgroup": 1, "task": 2, "operation": 3}


@dataclass(frozen=True, slots=True)
class Polished:
    """The smallest attempt, never larger than the own result; note: what Hypothesis did, for people.

    minimal: for what Hypothesis found smaller, whether the own passes then ended before the budget did; else None.
    """

    attempt: Attempt
    executions: int
    note: str
    minimal: bool | None = None


class Drawn:
    """Numbers from Hypothesis."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def number(self, most: int, given: int) -> int:
        """A number from 0 to most, as Hypothesis chooses; what the start has does not matter."""
        return int(self.data.draw_integer(0, most))

    @contextmanager
    def group(self, what: str) -> Iterator[None]:
        """A span of Hypothesis, which it deletes or repeats as one."""
        self.data.start_span(GROUPS[what])
        yield
        self.data.stop_span()


class Search:
    """What Hypothesis asks: whether the scenario of some numbers still fails. Keeps the smallest that does."""

    def __init__(self, gate: Gate, own: Attempt, calls: int) -> None:
        self.gate, self.own, self.best = gate, own, own
        self.ranges: Ranges = ranges_of(own)
        self.calls_left = calls
        self.taken_up = False

    def start(self) -> list[int]:
        """The own result as numbers."""
        source = Start()
        Reading(self.own, self.ranges, source).scenario()
        return source.numbers

    def _scenario(self, source: Source) -> Scenario | None:
        try:
            return Reading(self.own, self.ranges, source).scenario()
        except InputError:
            return None  # no such machine

    def fails(self, source: Source) -> bool | None:
        """None if there is no such scenario. BudgetSpentError also where no execution would be needed."""
        scenario = self._scenario(source)
        # Only now: Hypothesis calls a run flaky that draws less than one that began alike.
        if self.calls_left <= 0 or self.gate.late():
            raise BudgetSpentError
        self.calls_left -= 1
        if scenario is None:
            return None
        found = self.gate.attempt(scenario)
        if found is None:
            return False
        self.taken_up = True
        if found.size < self.best.size:
            self.best = found
        return True


def polish(gate: Gate, own: Attempt, executions: int = POLISH_EXECUTIONS) -> Polished:
    """Hypothesis's shrinker from the own result on, through the same gate; then the own passes on what it found.

    At most so many executions of Hypothesis's candidates, and none after the gate's deadline.
    """
    before, left = gate.executions, gate.executions_left
    gate.executions_left = executions
    ended = trouble = ""
    search = Search(gate, own, executions * CALLS_AN_EXECUTION)
    try:
        _shrink(search)
    except BudgetSpentError:
        ended = ", ended by the budget"
    except (ImportError, AttributeError, TypeError) as error:
        trouble = f"{type(error).__name__}: {error}"
    gate.executions_left = left
    used = gate.executions - before
    if not trouble and not ended and not search.taken_up:
        trouble = "it did not take up the case"
    if trouble:
        note = f"Hypothesis {version('hypothesis')} is not the one expected ({trouble}): the own result stands"
    elif search.best is own:
        note = f"Hypothesis: nothing smaller in {plural(used, 'execution')}{ended}"
    else:
        note = f"Hypothesis: smaller in {plural(used, 'execution')}{ended}"
    if search.best is own:
        return Polished(own, used, note)
    shrinker = Shrinker(gate, search.best)
    minimal = shrinker.run()
    return Polished(shrinker.best, gate.executions - before, note, minimal)


def _shrink(search: Search) -> None:
    """One run of Hypothesis's shrinker, without its search, database, clock or limits."""
    from hypothesis import Phase, settings
    from hypothesis.internal.conjecture.data import ConjectureData, Status
    from hypothesis.internal.conjecture.engine import ConjectureRunner

    def run(data: Any) -> None:
        fails = search.fails(Drawn(data))
        if fails is None:
            data.mark_invalid()
        if fails:
            data.mark_interesting(search.gate.invariant)

    alone = settings(database=None, deadline=None, phases=(Phase.shrink,))
    runner = ConjectureRunner(run, settings=alone, random=Random(SEED), ignore_limits=True)
    data = ConjectureData.for_choices(search.start())
    runner.test_function(data)
    if data.status is Status.INTERESTING:
        runner.shrink(data, lambda result: result.status is Status.INTERESTING)
