"""The cases that look for mutants of the engine's source, in plain mode, and which lines each of them reaches.

Cases are of the hunting stream, on every variant, on mutants of the catalogue (so that their choices are taken), with
failures of every kind, on machines with small units, on machines of class wide, and the programs of tests/data/hazards.
Those that break something are looked for with the compiled engine: of each variant and mutant one for each way in
which something breaks (told_apart).
"""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
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
from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, GFP_NOBLOCK, IDLE
from percpu_fuzz.engine.core.stages import CHUNK_RESERVED, MEMCG_FREED, MEMCG_ONLINE
from percpu_fuzz.engine.outcome import HUNTING, Outcome
from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario, Switch, load_finding
from percpu_fuzz.engine.topology import Topology, size_class_of
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.faults import FAILURES, NESTED_REFRESH
from percpu_fuzz.strategies.draw.rng import new_rng
from percpu_fuzz.strategies.draw.topologies import families, preset
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import run_alone
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
SEARCHED, WAYS_MOST, WAYS_MOST_OWN = 4, 6, 30  # batches; of a mutant of the catalogue; of a variant
EVERY_FAILURE = (*(f"{name}=0.3" for name in FAILURES), NESTED_REFRESH)
COUNTED = (
    "nr_steps", "nr_alloc", "nr_free", "nr_charged", "nr_refunded", "nr_charge_fail", "nr_illegal", "alloc_ops",
    "free_ops", "waste_pages", "in_flight_max", "probe_done", "probe_precharge", "probe_used", "probe_bytes",
    "probe_misplaced",
)  # fmt: skip
assert "waste_sum" in SUMS.names  # what a campaign counts is what a case is compared by

SHOWN = (  # by what a kernel shows of itself while it runs
    "memcg_usage", "memcg_max", "memcg_percpu", "memcg_kmem",  # memory.current, .max, .stat
    "node_free", "node_online",  # /proc/zoneinfo, /sys/devices/system/node/online
)  # fmt: skip
SHOWN_OF_CHUNK = ("chunk_free", "chunk_populated", "chunk_empty")  # percpu_stats, chunk by chunk in the order of lists
Verdict = tuple[object, object, object]
Lines = frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class MutationCase:
    """Plain records, the words that the random numbers of the walk begin with, the schedule that it follows if it has
    one. state: that of all cases of its size class, as a worker's is, so that a case begins with what another has left.
    kind: what it is of, alike for cases of one variant and machine.
    """

    kind: str
    topo: Any
    prog: Any
    state: Any
    words: tuple[int, int, int, int] = (1, 2, 3, 4)
    schedule: tuple[Switch, ...] = ()


Drawn = tuple[str, MutationCase]  # size class


def drawn_cases() -> Iterator[Drawn]:
    """Every case of the pool but those of told_apart."""
    two_node, wide = preset("two-node"), preset("epyc176")
    narrow = replace(
        two_node, name="narrow", page_size=16384, unit_pages=2, first_room_bytes=16384, reserved_room_bytes=16384
    )
    others = [topo for family in families() if family.name == "wide-random" for topo in family.topologies[:2]]
    for name, variant in VARIANTS.items():
        yield from of_batch(variant, two_node, 24)
        yield from of_batch(variant, None, 24)
        yield from of_batch(variant, narrow, 16)
        yield from of_batch(variant, None, 12, faults=EVERY_FAILURE, k=1)
        yield from of_batch(variant, two_node, 12, stream="measurement")
        if name != "v1":  # it keeps the order by CPU
            yield from of_batch(variant, wide, 2)
            for other in others:
                yield from of_batch(variant, other, 2, faults=EVERY_FAILURE)
    for mutant in catalogue():
        yield from telling(chain(of_batch(mutant.variant, two_node, 12), of_files("hazards", mutant.variant)))
    for name in ("v2", "fixed", "base"):
        yield from of_files("hazards", VARIANTS[name])
        yield from of_program("placed", PLACED, VARIANTS[name], 1)
        yield from of_program("killed", KILLED, VARIANTS[name], 24)
    for name in ("v1", "v2", "v2-exts", "fixed"):
        yield from of_files("findings", VARIANTS[name])


def hunted() -> list[Variant]:
    """What is looked through for cases that break something."""
    return [*VARIANTS.values(), *(mutant.variant for mutant in catalogue())]


def searched(place: int) -> list[tuple[int, int]]:
    """Cases (batch, number) of hunted()[place] in which an invariant breaks, the rarest way first; with the compiled
    engine, so in a process that ends.
    """
    plan = make_plan(hunted()[place], SEED, scheduler="random")
    counted: dict[tuple[object, ...], int] = {}
    first: dict[tuple[object, ...], tuple[int, int]] = {}
    for k in range(SEARCHED):
        outcome: Outcome = run_alone(plan.batch_of(HUNTING, k))
        for signature, cases in outcome.violations.items():
            way = signature.invariant, signature.label, *(signature.hazards if place < len(VARIANTS) else ())
            counted[way] = counted.get(way, 0) + cases
            first.setdefault(way, (k, outcome.first_cases[signature][0]))
    found = dict.fromkeys(first[way] for way in sorted(first, key=lambda way: (counted[way], str(way))))
    return list(found)[: WAYS_MOST_OWN if place < len(VARIANTS) else WAYS_MOST]


def told_apart(places: Iterable[tuple[int, list[tuple[int, int]]]]) -> Iterator[Drawn]:
    """The cases that `searched` found, by place in hunted(), drawn again."""
    every = hunted()
    for place, cases in places:
        plan = make_plan(every[place], SEED, scheduler="random")
        for k, number in cases:
            yield drawn_again(plan.batch_of(HUNTING, k), number, f"{every[place].name} broken")


ACCOUNTED = {"memcg": 1, "size_bytes": 8, "align": 8, "gfp": GFP_ACCOUNT}
PLACED = Program(  # as recorded workloads are replayed: allocations whose places are known
    (Task(ops=(
        Op("alloc", **ACCOUNTED), Op("place", 1, 1, 64, 4100, GFP_ACCOUNT, 2), Op("place", 1, 2, 12, 4164, 0, 2),
        Op("free", slot=1), Op("place", 1, 3, 4096, 4096 + 4, GFP_ACCOUNT | GFP_NOBLOCK, 2), Op("free", slot=0),
    )),)
)  # fmt: skip
KILLED = Program(  # user memory comes when nothing was left to reclaim: the OOM killer finds it
    (
        Task(ops=tuple(Op("alloc", slot=slot, **ACCOUNTED) for slot in range(6))),
        Task(cpu=1, ops=tuple(Op("charge_user", memcg=1, value=1) for _ in range(8))),
    ),
    memcgs=(Memcg(0, max_pages=1),),
    retries=0,
)  # fmt: skip


def of_program(kind: str, program: Program, variant: Variant, walks: int) -> Iterator[Drawn]:
    """A program on two nodes, walked at random so many times."""
    scenario = Scenario(preset("two-node"), program, ())
    numbers = random.Random(kind)
    for _ in range(walks):
        a, b, c, d = (numbers.getrandbits(64) for _ in range(4))
        yield "small", MutationCase(kind, *plain_records(scenario, variant), words=(a, b, c, d))


def of_files(folder: str, variant: Variant) -> Iterator[Drawn]:
    """Scenarios of tests/data with their schedules, steps that the variant does not have left out."""
    for path in sorted((ROOT / "tests" / "data" / folder).glob("*.json")):
        scenario = load_finding(path.read_bytes(), str(path)).scenario
        records = plain_records(scenario, variant)
        yield size_class_of(scenario.topology), MutationCase(folder, *records, schedule=scenario.schedule)


def telling(drawn: Iterable[Drawn]) -> Iterator[Drawn]:
    """Of these cases the first, and the first few that break an invariant."""
    broken = 0
    for number, one in enumerate(drawn):
        found = verdict(one[1])[0]
        broken += bool(found)
        if number == 0 or found:
            yield one
        if broken == TELLING_MOST:
            return


def of_batch(
    variant: Variant, machine: Topology | None, cases: int, *, stream: str = HUNTING, faults: tuple[str, ...] = (),
    k: int = 0,
) -> Iterator[Drawn]:  # fmt: skip
    """The first cases of a batch of a campaign."""
    batch = make_plan(variant, SEED, machine, faults, scheduler="random").batch_of(stream, k)
    for number in range(cases):
        yield drawn_again(batch, number, f"{variant.name} {stream} {batch.family.name} {len(faults)}")


def drawn_again(batch: Batch, number: int, kind: str) -> Drawn:
    """A case of a batch, to be walked at random as the batch does."""
    topo, prog, state, rng = drawn_case(batch, number)[:4]
    return batch.size_class, MutationCase(kind, topo, prog, state, (rng.s0, rng.s1, rng.s2, rng.s3))


def pool(broken: Iterable[tuple[int, list[tuple[int, int]]]] = ()) -> list[MutationCase]:
    """All cases; drawn once, before anything is mutated. broken: by place in hunted() what `searched` found."""
    states: dict[str, Any] = {}
    drawn = chain(drawn_cases(), told_apart(broken))
    return [replace(case, state=states.setdefault(size_class, case.state)) for size_class, case in drawn]


def verdict(case: MutationCase, checks: int = CHECK_TOUCHED) -> Verdict:
    """What a case does on the engine as it is now: which invariants broke (or how it failed to end); what is counted,
    the steps of violations among it; what the kernel shows of itself at each end of an operation, as a hash.
    """
    topo, prog, state = case.topo, case.prog, case.state
    rng: Any = PlainRecord(new_rng()[0])
    rng.s0, rng.s1, rng.s2, rng.s3 = case.words
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
        take_step(topo, prog, state, t, checks)
        note(sched, t, label)
        if state.pc[t] == IDLE:
            shown = hash((shown, shown_by(topo, state)))
    return "overlong", None, None


def shown_by(topo: Any, state: Any) -> tuple[object, ...]:
    """What a kernel shows of itself: SHOWN, the events of percpu, percpu_stats, which cgroups are online or dying with
    how many tasks, where tasks are, which CPUs are online.
    """
    lie = zip(state.area_used, state.area_chunk, state.area_off, strict=True)
    places = tuple(place for place in lie if place[0] == 2)
    last_by_size = (topo.unit_pages * topo.page_size).bit_length() - 3  # the lists behind it are named
    made = [c for c, kind in enumerate(state.chunk_state) if kind != 0]
    made.sort(key=lambda c: (state.chunk_state[c] == CHUNK_RESERVED, state.chunk_slot[c], state.chunk_pos[c]))
    chunks = tuple(
        (c, min(max(state.chunk_slot[c] - last_by_size, 0), 3), *(getattr(state, name)[c] for name in SHOWN_OF_CHUNK))
        for c in made
    )
    groups = tuple(0 if stage in (0, MEMCG_FREED) else 1 + (stage != MEMCG_ONLINE) for stage in state.memcg_state)
    tasks = tuple(zip(state.task_memcg[: state.nr_all], state.task_cpu[: state.nr_all], strict=True))
    online = tuple(state.cpu_online[: topo.nr_act])
    values = tuple(tuple(getattr(state, name)) for name in SHOWN)
    return places, chunks, state.nr_empty_pop, groups, tuple(state.memcg_tasks), tasks, online, values


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
