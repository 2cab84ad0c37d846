"""Planted concurrency bugs: orders of labelled steps of small programs, found or missed by what a walk recorded.

A bug is a set of pairs (earlier step, later step); a run hits it if it takes every pair in that order. Its depth is
the smallest number of such pairs that force it (Burckhardt and others, ASPLOS 2010, section 2.1). In most programs here
each task takes the same steps in every interleaving and nobody waits, so that the depth can be enumerated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, GFP_NOBLOCK, NAMES
from percpu_fuzz.engine.core.records import State, new_record
from percpu_fuzz.engine.program import Memcg, Op, Program, Task, prog_record
from percpu_fuzz.engine.topology import topo_record
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.rng import key_of, new_rng, seed_rng
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.portfolio import DEPTHS, TURNS
from percpu_fuzz.strategies.run.recorded_walk import walk_recorded
from percpu_fuzz.strategies.schedulers.record import SCHEDULERS, URW, new_sched

LABEL = {name: number for number, name in enumerate(NAMES)}
NO_INVARIANT = -1
Step = tuple[int, str, int]  # task, label, how often the task has taken that label before
Pair = tuple[Step, Step]
Turn = tuple[str, int]  # scheduler, depth


def nops(number: int) -> Task:
    """A task of 2 * number + 1 steps: IDLE and OP_END of each operation, IDLE that finds nothing more."""
    return Task(ops=(Op("nop"),) * number)


def charging(memcg: int) -> Task:
    """Eight steps that charge user pages: the page counter of the cgroup, then root's."""
    return Task(memcg, ops=(Op("charge_user", memcg=memcg, value=70, gfp=GFP_NOBLOCK),))


def slab(memcg: int) -> Task:
    """Eighteen steps that charge a slab object through the byte stock."""
    op = Op("kmem", memcg=memcg, slot=memcg, size_bytes=64, gfp=GFP_ACCOUNT | GFP_NOBLOCK)
    return Task(memcg - 1, memcg, ops=(op,))


def percpu(memcg: int) -> Task:
    """Some forty-five steps that allocate percpu memory; the mutex makes one of them wait."""
    op = Op("alloc", memcg=memcg, slot=memcg, size_bytes=64, align=8, gfp=GFP_ACCOUNT)
    return Task(memcg - 1, memcg, ops=(op,))


def small(*tasks: Task) -> Program:
    """Tasks that share nothing; every cgroup lies directly below root. With only nops there is none."""
    charged = max(task.memcg for task in tasks) or max((op.memcg for task in tasks for op in task.ops), default=0)
    placed = tuple(Task(min(t, 1), task.memcg, task.irq, task.ops) for t, task in enumerate(tasks))
    return Program(placed, (Memcg(0),) * charged)


def chain(*steps: Step) -> tuple[Pair, ...]:
    """Consecutive steps in this order; those of one task need no pair, as the task has them in order anyway."""
    return tuple((a, b) for a, b in pairwise(steps) if a[0] != b[0])


@dataclass(frozen=True, slots=True)
class Bug:
    """tasks: n, those that ever step; steps: k, the most steps that they take in all. fixed: nobody ever waits."""

    name: str
    depth: int
    program: Program
    order: tuple[Pair, ...]
    tasks: int
    steps: int
    fixed: bool = True

    @property
    def chance(self) -> float:
        """What PCT promises of each run: 1 / (n k^(d-1))."""
        return float(1 / (self.tasks * self.steps ** (self.depth - 1)))


NOPS_33 = small(nops(1), nops(1), nops(1))
NOPS_55 = small(nops(2), nops(2))
USERS = small(charging(1), charging(2))
USER_NOPS = small(charging(1), nops(2))
SLABS = small(slab(1), slab(2))
AREAS = small(percpu(1), percpu(2))
A, B, C = range(3)

BUGS: tuple[Bug, ...] = (
    Bug("charged before the other began", 1, SLABS, chain((B, "TC_LEVEL", 0), (A, "IDLE", 0)), 2, 36),
    Bug("ended before the other consumed", 1, USERS, chain((B, "OP_USER_END", 0), (A, "TC_CONSUME", 0)), 2, 16),
    Bug("undone before the entry is written", 1, AREAS, chain((B, "PO_DONE", 0), (A, "PO_ENTRY", 0)), 7, 120, False),
    Bug("counter between two levels", 2, USERS,
        chain((A, "TC_LEVEL", 0), (B, "TC_LEVEL", 0), (A, "TC_LEVEL", 1)), 2, 16),
    Bug("statistics between statistics and refund", 2, AREAS,
        chain((A, "PO_STAT", 0), (B, "PO_STAT", 0), (A, "PO_REFUND", 0)), 7, 120, False),
    Bug("stock refilled between charge and refill", 2, SLABS,
        chain((A, "AL_CHARGE_PAGES", 0), (B, "RO_LOCK", 0), (B, "RO_BODY", 0), (A, "RO_BODY", 0)), 2, 36),
    Bug("three in a circle", 3, NOPS_33,
        (*chain((A, "IDLE", 0), (B, "IDLE", 0)), *chain((B, "OP_END", 0), (C, "OP_END", 0)),
         *chain((C, "IDLE", 1), (A, "IDLE", 1))), 3, 9),
    Bug("two counters interleaved", 3, USERS,
        chain((A, "TC_CONSUME", 0), (B, "TC_CONSUME", 0), (B, "TC_LEVEL", 0), (A, "TC_LEVEL", 0), (A, "TC_LEVEL", 1),
              (B, "TC_LEVEL", 1)), 2, 16),
    Bug("charge cut twice", 3, USER_NOPS,
        chain((B, "IDLE", 0), (A, "TC_LEVEL", 0), (A, "TC_LEVEL", 1), (B, "OP_END", 0), (B, "IDLE", 1),
              (A, "OP_USER_END", 0)), 2, 13),
    Bug("strict alternation", 4, NOPS_55,
        chain((A, "IDLE", 0), (B, "IDLE", 0), (B, "OP_END", 0), (A, "OP_END", 0), (A, "IDLE", 1), (B, "IDLE", 1),
              (B, "OP_END", 1), (A, "OP_END", 1)), 2, 10),
    Bug("charge cut at both levels", 4, USER_NOPS,
        chain((A, "TC_CONSUME", 0), (B, "IDLE", 0), (B, "OP_END", 0), (A, "TC_LEVEL", 0), (A, "TC_LEVEL", 1),
              (B, "IDLE", 1), (B, "OP_END", 1), (A, "OP_END", 0)), 2, 13),
    Bug("two of three alternate, then the third", 4, NOPS_33,
        (*chain((A, "IDLE", 0), (B, "IDLE", 0), (B, "IDLE", 0), (A, "OP_END", 0), (A, "OP_END", 0), (C, "IDLE", 0)),
         *chain((C, "OP_END", 0), (B, "OP_END", 0))), 3, 9),
)  # fmt: skip


@lru_cache
def machine_record() -> Any:
    """Two nodes with a CPU each, as an array of one Topo record."""
    return topo_record(preset("two-node"), "small")


@dataclass
class Walker:
    """Runs one program again and again under any scheduler; the generator goes on from run to run."""

    program: Program
    most_steps: int
    seed: object = 0
    taken: Any = field(init=False)
    left: Any = None  # URW: the steps of each task; None asks the engine

    def __post_init__(self) -> None:
        self.progs = prog_record(self.program, "small", 2)
        VARIANTS["v2"].write(self.progs[0])
        self.states, self.scheds, self.rngs = new_record(State, "small"), new_sched(), new_rng()
        mirror: Any = PlainRecord(self.rngs[0])
        plain(seed_rng)(mirror, key_of("planted", self.seed), 0)
        self.rngs[:] = mirror.to_array()
        self.taken = np.zeros((self.most_steps, 4), dtype=np.int32)

    def use(self, turn: Turn) -> None:
        """Take this scheduler from now on; change points are spread over most_steps."""
        name, depth = turn
        sched = self.scheds[0]
        sched["kind"], sched["depth"], sched["most_steps"] = SCHEDULERS.index(name), depth, self.most_steps

    def run(self) -> list[int]:
        """The steps of one run, each as task * 256 + label, at most most_steps of them."""
        if self.scheds[0]["kind"] == URW:
            self.scheds[0]["left"][: len(self.left)] = self.left
        steps = walk_recorded(
            machine_record(), self.progs, self.states, self.rngs, self.scheds, NO_INVARIANT, self.taken
        )
        return (self.taken[:steps, 0] * 256 + self.taken[:steps, 1]).tolist()  # type: ignore[no-any-return]


def place(run: Sequence[int], step: Step) -> int:
    """Where a step stands in a run; past the end if it was not taken."""
    task, label, before = step
    code, at = task * 256 + LABEL[label], -1
    try:
        for _ in range(before + 1):
            at = run.index(code, at + 1)
    except ValueError:
        return len(run)
    return at


def hits(bug: Bug, run: Sequence[int]) -> bool:
    """Whether a run took every pair in order. A later step that was never taken is no hit."""
    return all(place(run, a) < place(run, b) < len(run) for a, b in bug.order)


def walker(bug: Bug, seed: object) -> Walker:
    """A walker of a bug's program, with the true numbers of steps for URW."""
    made = Walker(bug.program, bug.steps, seed)
    made.left = steps_by_task(bug)
    return made


@lru_cache
def steps_by_task(bug: Bug) -> tuple[int, ...]:
    """How many steps each task of the program takes before the end of the case is torn down, walked in turn."""
    alone = Walker(bug.program, bug.steps)
    alone.use(("round-robin", 0))
    tasks = [code // 256 for code in alone.run() if code % 256 != LABEL["FINISHED"]]
    return tuple(tasks.count(t) for t in range(max(tasks) + 1))


def labels_by_task(bug: Bug) -> list[list[str]]:
    """The labels of each task's steps in the order in which it takes them, walked in turn."""
    alone = Walker(bug.program, bug.steps)
    alone.use(("round-robin", 0))
    run = alone.run()
    tasks = range(max(run) // 256 + 1)
    return [[NAMES[code % 256] for code in run if code // 256 == t] for t in tasks]


def interleavings(steps: Sequence[int]) -> list[tuple[int, ...]]:
    """Every order in which tasks of so many steps can take them, each as the row of tasks."""
    if not any(steps):
        return [()]
    rows = []
    for t, number in enumerate(steps):
        if number:
            rest = [left - (i == t) for i, left in enumerate(steps)]
            rows += [(t, *row) for row in interleavings(rest)]
    return rows


def enumerated_depth(bug: Bug) -> int:
    """The fewest ordered pairs of steps that some interleaving obeys and that no interleaving obeys without a hit.

    Each ordered pair is an integer with a bit for each interleaving that obeys it; every set of one pair, of two, of
    three ... is tried. Only for programs whose tasks take fixed steps and never wait.
    """
    labels = labels_by_task(bug)
    rows = interleavings([len(row) for row in labels])
    orders = order_bits(rows, [len(row) for row in labels])
    wanted = (1 << len(rows)) - 1
    for a, b in bug.order:
        wanted &= orders[number_in(labels, a), number_in(labels, b)]
    missed = (1 << len(rows)) - 1 & ~wanted
    assert wanted, bug.name
    if not missed:
        return 0
    distinct = list(orders.values())
    for depth in range(1, len(bug.order)):
        if any(forces(chosen, missed) for chosen in combinations(distinct, depth)):
            return depth
    return len(bug.order)


def forces(chosen: tuple[int, ...], missed: int) -> bool:
    """Whether some interleaving obeys all the chosen pairs, and none that misses the bug does."""
    both = chosen[0]
    for bits in chosen[1:]:
        both &= bits
    return both != 0 and both & missed == 0


def number_in(labels: list[list[str]], step: Step) -> tuple[int, int]:
    """(task, which of its steps)."""
    task, label, before = step
    return task, [i for i, name in enumerate(labels[task]) if name == label][before]


def order_bits(rows: list[tuple[int, ...]], steps: list[int]) -> dict[tuple[tuple[int, int], tuple[int, int]], int]:
    """By pair of steps of two tasks, the interleavings that take them in that order, a bit each."""
    at = np.zeros((len(rows), len(steps), max(steps)), dtype=np.int16)
    for r, row in enumerate(rows):
        seen = [0] * len(steps)
        for i, t in enumerate(row):
            at[r, t, seen[t]] = i
            seen[t] += 1
    found = {}
    names = [(t, i) for t, number in enumerate(steps) for i in range(number)]
    for a in names:
        for b in names:
            if a[0] != b[0]:
                earlier = np.packbits(at[:, a[0], a[1]] < at[:, b[0], b[1]])
                found[a, b] = int.from_bytes(earlier.tobytes(), "big") >> (-len(rows) % 8)
    return found


def runs_to_bug(bug: Bug, turns: Sequence[Turn], walk: Walker, most: int) -> int:
    """Runs until the first hit, run i under turn i modulo their number; `most` if none of so many hits."""
    for i in range(most):
        walk.use(turns[i % len(turns)])
        if hits(bug, walk.run()):
            return i + 1
    return most


def mean_runs(turns: Sequence[Turn], seeds: int, most: int) -> tuple[float, dict[str, float]]:
    """Geometric mean of the runs to each bug over the seeds, of all bugs and by bug. Round robin draws nothing."""
    by_bug = {}
    for bug in BUGS:
        walk = walker(bug, ("portfolio", bug.name, tuple(turns)))
        tries = 1 if tuple(turns) == (("round-robin", 0),) else seeds
        found = [runs_to_bug(bug, turns, walk, 1 if tries == 1 else most) for _ in range(tries)]
        if tries == 1 and not hits(bug, walk.run()):
            found = [most]
        by_bug[bug.name] = float(np.exp(np.mean(np.log(found))))
    return float(np.exp(np.mean(np.log(list(by_bug.values()))))), by_bug


def single_turns() -> list[Turn]:
    """Every scheduler by itself: with the depth of its own name, and with each that the portfolio gives it."""
    named = [(name, DEPTHS.get(name, 0)) for name in SCHEDULERS if name != "follow"]
    return sorted({*named, *TURNS})


def compare_portfolio(seeds: int, most: int) -> dict[str, Any]:
    """The portfolio against the one scheduler that is best over all bugs, in geometric means of runs to the bug.

    Means are cut at `most` runs, which only makes a single scheduler look better than it is.
    """
    portfolio, by_bug = mean_runs(TURNS, seeds, most)
    alone = {f"{name} {depth}".removesuffix(" 0"): mean_runs(((name, depth),), seeds, most)[0]
             for name, depth in single_turns()}  # fmt: skip
    best = min(alone, key=lambda name: alone[name])
    return {
        "portfolio": portfolio, "best": best, "best_runs": alone[best], "ratio": portfolio / alone[best],
        "alone": alone, "by_bug": by_bug, "seeds": seeds, "most_runs": most,
    }  # fmt: skip
