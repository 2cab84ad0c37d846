"""The cases that look for mutants of the engine's source, in plain mode, and which lines each of them reaches.

Cases are of the hunting stream, on every variant, on mutants of the catalogue (so that their choices are taken), with
failures of every kind, on machines of class wide, and the programs of tests/data/hazards.
"""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from types import CodeType
from typing import Any

from percpu_fuzz import engine
from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.labels import IDLE
from percpu_fuzz.engine.scenario import Switch, load_finding
from percpu_fuzz.engine.topology import Topology, size_class_of
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.faults import FAILURES, NESTED_REFRESH
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import drawn_case
from percpu_fuzz.strategies.run.replay import follow_array, plain_records, violations_of
from percpu_fuzz.strategies.run.tally import SUMS
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took
from percpu_fuzz.strategies.schedulers.record import new_sched

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("kernel", "case", "checks")  # of engine: what is compiled of each step
PATHS = {path.stem: path for folder in FOLDERS for path in sorted((ROOT / "engine" / folder).glob("[!_]*.py"))}
SEED, STEPS_MOST, TELLING_MOST = 17, 3_000, 3
EVERY_FAILURE = (*(f"{name}=0.3" for name in FAILURES), NESTED_REFRESH)
COUNTED = (
    "nr_steps", "nr_alloc", "nr_free", "nr_charged", "nr_refunded", "nr_charge_fail", "nr_illegal", "alloc_ops",
    "free_ops", "waste_pages", "in_flight_max", "probe_done", "probe_precharge", "probe_used", "probe_bytes",
    "probe_misplaced",
)  # fmt: skip
assert "waste_sum" in SUMS.names  # what a campaign counts is what a case is compared by

SHOWN = (  # by what a kernel shows of itself while it runs
    "memcg_usage", "memcg_max", "memcg_percpu", "memcg_kmem",  # memory.current, .max, .stat
    "node_free",  # /proc/zoneinfo
    "chunk_state", "chunk_free", "chunk_populated", "chunk_empty",  # percpu_stats
)  # fmt: skip
Verdict = tuple[object, object, object]
Lines = frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class MutationCase:
    """Plain records, the seed of the walk, the schedule that it follows if it has one. state: that of all cases of its
    size class, as a worker's is, so that a case begins with what another has left.
    """

    topo: Any
    prog: Any
    state: Any
    seed: int
    schedule: tuple[Switch, ...] = ()


Drawn = tuple[str, Any, Any, Any, tuple[Switch, ...]]  # size class, topo, prog, state, schedule


def drawn_cases() -> Iterator[Drawn]:
    """Every case of the pool."""
    two_node, wide = preset("two-node"), preset("epyc176")
    for name, variant in VARIANTS.items():
        yield from of_batch(variant, two_node, 24)
        yield from of_batch(variant, None, 24)
        yield from of_batch(variant, None, 12, faults=EVERY_FAILURE, k=1)
        yield from of_batch(variant, two_node, 12, stream="measurement")
        if name != "v1":  # it keeps the order by CPU
            yield from of_batch(variant, wide, 2)
    for mutant in catalogue():
        drawn = chain(
            of_batch(mutant.variant, two_node, 12), of_files("hazards", mutant.variant),
            of_batch(mutant.variant, None, 60),
        )  # fmt: skip
        yield from telling(drawn)
    for name in ("v2", "fixed", "base"):
        yield from of_files("hazards", VARIANTS[name])
    for name in ("v1", "v2", "v2-exts", "fixed"):
        yield from of_files("findings", VARIANTS[name])


def of_files(folder: str, variant: Variant) -> Iterator[Drawn]:
    """Scenarios of tests/data with their schedules, steps that the variant does not have left out."""
    for path in sorted((ROOT / "tests" / "data" / folder).glob("*.json")):
        scenario = load_finding(path.read_bytes(), str(path)).scenario
        yield size_class_of(scenario.topology), *plain_records(scenario, variant), scenario.schedule


def telling(drawn: Iterable[Drawn]) -> Iterator[Drawn]:
    """Of these cases the first, and the first few that break an invariant."""
    broken = 0
    for number, one in enumerate(drawn):
        _, topo, prog, state, schedule = one
        found = verdict(MutationCase(topo, prog, state, number, schedule))[0]
        broken += bool(found)
        if number == 0 or found:
            yield one
        if broken == TELLING_MOST:
            return


def of_batch(
    variant: Variant, machine: Topology | None, cases: int, *, stream: str = "hunting", faults: tuple[str, ...] = (),
    k: int = 0,
) -> Iterator[Drawn]:  # fmt: skip
    """The first cases of a batch of a campaign."""
    batch = make_plan(variant, SEED, machine, faults).batch_of(stream, k)
    for case in range(cases):
        yield batch.size_class, *drawn_case(batch, case)[:3], ()


def pool() -> list[MutationCase]:
    """All cases; drawn once, before anything is mutated."""
    states: dict[str, Any] = {}
    return [
        MutationCase(topo, prog, states.setdefault(size_class, state), seed, schedule)
        for seed, (size_class, topo, prog, state, schedule) in enumerate(drawn_cases())
    ]


def verdict(case: MutationCase) -> Verdict:
    """What a case does on the engine as it is now: which invariants broke (or how it failed to end); what is counted,
    the steps of violations among it; what the kernel shows of itself at each end of an operation, as a hash.
    """
    topo, prog, state = case.topo, case.prog, case.state
    rng: Any = PlainRecord(new_rng()[0])
    rng.s0, rng.s1, rng.s2, rng.s3 = (random.Random(case.seed).getrandbits(64) for _ in range(4))
    sched: Any = PlainRecord((follow_array(case.schedule) if case.schedule else new_sched())[0])
    sched.lenient = 1
    take_step, next_task, note, over = plain(checked_step), plain(choose), plain(took), plain(case_over)
    plain(reset)(topo, prog, state, False)
    if not case.schedule:
        plain(begin)(sched, state, rng)
    shown = 0
    for _ in range(STEPS_MOST):
        if over(state):
            found = violations_of(state)
            counts = (*(getattr(state, name) for name in COUNTED), tuple(state.hazard))
            return frozenset(violation.invariant for violation in found), (found, counts), shown
        t = next_task(sched, topo, prog, state, rng)
        if t < 0:
            return "stuck", None, None
        label = state.pc[t]
        take_step(topo, prog, state, t, CHECK_TOUCHED)
        note(sched, t, label)
        if state.pc[t] == IDLE:
            lie = zip(state.area_used, state.area_chunk, state.area_off, strict=True)  # the events of percpu
            places = tuple(place for place in lie if place[0] == 2)
            shown = hash((shown, places, *(tuple(getattr(state, name)) for name in SHOWN)))
    return "overlong", None, None


def traced(case: MutationCase) -> tuple[Verdict, Lines]:
    """The verdict of a case, and the statements that it reaches: (file's name, first line)."""
    (loaded,) = engine.__path__
    names = {str(Path(loaded) / path.parent.name / path.name): name for name, path in PATHS.items()}
    left: dict[CodeType, set[int]] = {}  # lines not reached yet; a function without any is not traced again

    def on_line(frame: Any, _event: str, _argument: object) -> Any:
        left[frame.f_code].discard(frame.f_lineno)
        return on_line

    def on_call(frame: Any, _event: str, _argument: object) -> Any:
        code = frame.f_code
        if code not in left:
            left[code] = {line for _, _, line in code.co_lines() if line} if code.co_filename in names else set()
        return on_line if left[code] else None

    sys.settrace(on_call)
    try:
        found = verdict(case)
    finally:
        sys.settrace(None)
    reached = {
        (names[code.co_filename], line)
        for code, missed in left.items() if code.co_filename in names
        for _, _, line in code.co_lines() if line and line not in missed
    }  # fmt: skip
    return found, frozenset((module, statements(module)[line]) for module, line in reached)


@cache
def statements(module: str) -> dict[int, int]:
    """For each line of a file the first line of the innermost statement that it belongs to."""
    first: dict[int, int] = {}
    tree = ast.parse(PATHS[module].read_text())
    for node in ast.walk(tree):  # outer ones come before inner ones
        if isinstance(node, ast.stmt):
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                first[line] = node.lineno
    return first
