"""Shrinking of a difference of behaviour: a gate that runs scenarios, without a schedule, on two accountings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.core.records import Record, State, new_record
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.shrink.actors import Cast
from percpu_fuzz.fuzz.shrink.attempt import Attempt, Gate
from percpu_fuzz.fuzz.shrink.shrinker import Shrinker
from percpu_fuzz.strategies.run.behaviour import Seen, new_seen, observe
from percpu_fuzz.strategies.run.differences import differences


@dataclass
class KindGate(Gate):
    """Runs candidates on `base` and on `variant`; one passes if the case shows a difference of this kind."""

    base: Variant = VARIANTS["base"]
    kind: str = ""

    def _run(self, scenario: Scenario, cast: Cast, size_class: str, topos: Record, progs: Record) -> Attempt | None:
        first, second = (self._seen(size_class, topos, progs, variant) for variant in (self.base, self.variant))
        by_node = self.base.per_node and self.variant.per_node
        if self.kind not in differences(progs[0]["op_kind"], first, second, by_node):
            return None
        return Attempt(replace(scenario, schedule=()), cast, [], 0)

    def _seen(self, size_class: str, topos: Record, progs: Record, variant: Variant) -> Seen:
        variant.write(progs[0])
        if size_class not in self.states:
            self.states[size_class] = new_record(State, size_class)
            entry_of(variant, reset_record)(topos[0], progs[0], self.states[size_class][0], True)
        seen = new_seen(size_class)
        entry_of(variant, observe)(topos, progs, self.states[size_class], 0, seen)
        return seen


class ProgramShrinker(Shrinker):
    """Shrinks machine and program: there is no step at which something broke, and no schedule."""

    def _coarse(self) -> None:
        self._tasks()
        self._ops()


def shrink_difference(scenario: Scenario, gate: KindGate) -> tuple[Scenario, bool] | None:
    """The smallest scenario found that shows the gate's kind, and whether no single removal leaves it; None if the
    scenario does not show it.
    """
    first = gate.attempt(scenario)
    if first is None:
        return None
    shrinker = ProgramShrinker(gate, first)
    minimal = shrinker.run()
    return shrinker.best.scenario, minimal
