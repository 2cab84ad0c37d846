"""An exploration from options to its stored object: programs in turn, one budget, a finding for each invariant."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.core.compiled import code_version
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.scenario import Finding, Scenario, dump_finding
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.fuzz.campaign.own_engine import SEARCH, compiling_told
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.files import write_whole
from percpu_fuzz.fuzz.findings.provenance import with_provenance
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.strategies.explore.scopes import Scope, shipped_scope
from percpu_fuzz.strategies.explore.search import (
    Budget,
    Explored,
    collision_probability,
    explore,
    explore_nearest_first,
    witness,
)
from percpu_fuzz.strategies.explore.world import engine_world

SCHEMA = 1
SHORTEST = "shortest"


@dataclass(frozen=True, slots=True)
class ExploreOptions:
    """An exploration as asked for. seconds: None for no limit."""

    variant: Variant
    scope: Scope
    reduction: str
    shortest: bool
    most_states: int
    seconds: float | None


@dataclass(slots=True)
class Total:
    """Sums over the programs explored so far; paths: the shortest so far by invariant, with its program."""

    states: int = 0
    transitions: int = 0
    probes: int = 0
    deepest: int = 0
    ends: int = 0
    stuck: int = 0
    complete: int = 0
    stopped: str = ""
    ends_broken: dict[str, int] = field(default_factory=dict)
    paths: dict[str, tuple[Scenario, tuple[int, ...]]] = field(default_factory=dict)

    def add(self, scenario: Scenario, done: Explored) -> None:
        """Count one scenario's walk; of paths to a broken invariant the shortest stays."""
        self.states += done.states
        self.transitions += done.transitions
        self.probes += done.probes
        self.deepest = max(self.deepest, done.deepest)
        self.ends += len(done.ends)
        self.stuck += done.stuck
        self.complete += done.complete
        self.stopped = done.stopped
        for name, path in done.paths.items():
            self.ends_broken[name] = self.ends_broken.get(name, 0) + done.ends_broken(name)
            if name not in self.paths or len(path) < len(self.paths[name][1]):
                self.paths[name] = (scenario, path)


def prepare(variant: Variant, say: Callable[[str], None]) -> None:
    """Compile the search or load it, for a variant of one's own too, so that a budget of time counts it alone."""
    start = next(shipped_scope("shortage").scenarios())
    for one in (Variant("fixed", ""), variant):
        with compiling_told(one, say, SEARCH):
            explore(engine_world(start, one), "hash", Budget())
            explore_nearest_first(engine_world(start, one), Budget())


def run_exploration(
    options: ExploreOptions, out: Path, interrupts: Interrupts, clock: Callable[[], float] = time.perf_counter,
    seen: Callable[[int, str], None] = lambda _programs, _words: None,
) -> dict[str, Any]:  # fmt: skip
    """Explore every program of the scope; the object that is stored, findings written below `out`.

    seen: told before each program how many are done, and in words what that came to.
    """
    total, start = Total(), clock()

    def asked() -> str:
        if interrupts.seen:
            return "interrupted"
        late = options.seconds is not None and clock() - start >= options.seconds
        return "time" if late else ""

    for place, scenario in enumerate(options.scope.scenarios()):
        seen(place, f"exploring {options.scope.name}: {place:,} programs done, {total.states:,} states")
        if asked():
            total.stopped = asked()
            break
        total.add(scenario, explored(options, scenario, total.states, asked))
        if total.stopped:
            break
    seconds = clock() - start
    return scope_row(options, total, seconds, write_witnesses(options, total, out))


def explored(options: ExploreOptions, scenario: Scenario, before: int, asked: Callable[[], str]) -> Explored:
    """One program, within what is left of the budget."""
    world = engine_world(scenario, options.variant)
    budget = Budget(max(options.most_states - before, 1), asked)
    try:
        if options.shortest:
            return explore_nearest_first(world, budget)
        return explore(world, options.reduction, budget)
    except AssertionError as error:
        raise HarnessError(f"exploration of {options.scope.name}: {error}") from error


def write_witnesses(options: ExploreOptions, total: Total, out: Path) -> list[dict[str, Any]]:
    """A finding for each broken invariant, replayed once; the rows of the report in the order of the invariants."""
    rows = []
    broken = [name for name in INVARIANT_NAMES if name in total.paths]
    for number, name in enumerate(broken, 1):
        scenario, path = total.paths[name]
        try:
            found, _ = witness(scenario, options.variant, path, name)
        except AssertionError as error:
            raise HarnessError(str(error)) from error
        origin: dict[str, Any] = {"explored": options.scope.name, "steps": len(path), "shortest": options.shortest}
        variant = options.variant.name
        file = f"findings/{number:03d}-{name}-{''.join(c if c.isalnum() or c in '._-' else '_' for c in variant)}.json"
        (out / "findings").mkdir(exist_ok=True)
        write_whole(out / file, dump_finding(with_provenance(Finding(found, variant, name, origin), file)))
        rows.append(
            {
                "invariant": name, "steps": len(path), "shortest": options.shortest,
                "terminal_states": total.ends_broken[name], "finding": file,
            }
        )  # fmt: skip
    return rows


def scope_row(
    options: ExploreOptions, total: Total, seconds: float, violations: list[dict[str, Any]]
) -> dict[str, Any]:
    """The object of `--json` and of scope.json; see docs/explore.md."""
    scope = options.scope
    machine = scope.topology
    return {
        "schema": SCHEMA,
        "variant": options.variant.name,
        "code": code_version(),
        "complete": total.stopped == "",
        "stopped": total.stopped,
        "interrupted": total.stopped == "interrupted",
        "states": total.states,
        "terminal_states": total.ends,
        "stuck": total.stuck,
        "transitions": total.transitions,
        "probes": total.probes,
        "deepest": total.deepest,
        "reduction": SHORTEST if options.shortest else options.reduction,
        "max_states": options.most_states,
        "seconds": round(seconds, 3),
        "collision_probability": collision_probability(total.states),
        "scope": {
            "name": scope.name, "words": scope.words, "machine": machine.name, "nodes": len(machine.nodes),
            "cpus": len(machine.cpus), "page_size": machine.page_size, "programs": len(scope.programs),
            "programs_complete": total.complete,
        },
        "violations": violations,
        "exit": exit_status(total),
    }  # fmt: skip


def exit_status(total: Total) -> int:
    """3 for a deadlock of the model, 1 for a violation, 4 if something is left to explore, 0 if all is clean."""
    if total.stuck:
        return 3
    if total.paths:
        return 1
    return 4 if total.stopped else 0
