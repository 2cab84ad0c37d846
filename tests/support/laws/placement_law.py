"""The law of (pages precharged, pages used) of one allocation on small machines, enumerated without the engine.

One task makes one accounted allocation in an empty allocator, of one of a few sizes, all equally likely. Three models
of fallback: pages that fall independently, pages that fall in runs, and nodes under pressure that run out of pages.
Distances of a machine differ by more than the kernel's corrections, so a zonelist is the order of distances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from few_cases import few_cases
from narrowed import only
from scipy.stats import chisquare

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, OP_ALLOC
from percpu_fuzz.engine.outcome import PAIR
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.choices import KIND_NAMES, PLACE_INDEPENDENT, PLACE_PRESSED, PLACE_RUNS, kind_arrays
from percpu_fuzz.strategies.draw.topologies import single_family
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.run.walk import CHECK_NONE

SIZES = (512, 1968, 2048, 4096, 6144)  # from 4,096 on they are for pages of 4 KiB and grow with the page
STEPS = (10, 5, 5, 5, 5, 5, 5, 5)
FREE_PAGES = ((0, 10), (4, 10), (16, 15), (48, 15), (4096, 50))
RUN = 16  # entries of the table that take the same step
MODELS = {"independent": PLACE_INDEPENDENT, "runs": PLACE_RUNS, "pressed": PLACE_PRESSED}
FAILED = (-1, -1)  # no page was left: nothing is charged
Law = dict[tuple[int, int], float]
Bytes = dict[tuple[int, ...], float]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is enumerated; a wrong law changes one of them."""

    steps: tuple[int, ...] = STEPS
    free_pages: tuple[tuple[int, int], ...] = FREE_PAGES
    over: int = 0  # added to the precharge
    used_of: Callable[[int, int], int] = lambda held, page: -(-held // page)


def machine(name: str, memory: str, cpus: str, distances: str, page_size: int = 4096, ext_size: int = 8) -> Topology:
    """memory: a letter a node: p plenty, none held back; w plenty with watermarks 64 and 32; - none. cpus: nodes."""
    marks = {"p": (1 << 20, 0, 0), "w": (1 << 20, 64, 32), "-": (0, 0, 0)}
    nodes = tuple(Node(n, True, *marks[kind]) for n, kind in enumerate(memory))
    rows = tuple(tuple(map(int, row.split())) for row in distances.split(","))
    return Topology(name, nodes, tuple(Cpu(c, int(n)) for c, n in enumerate(cpus)), rows, page_size, ext_size)


TWO, THREE = "10 20,20 10", "10 20 40,20 10 40,20 40 10"
FOUR = "10 20 40 60,40 10 20 60,60 40 10 20,20 40 60 10"
MACHINES = (
    machine("two", "pp", "01", TWO), machine("two-wide", "ww", "0011", TWO),
    machine("two-16k", "pw", "010", TWO, 16384),
    machine("three", "ppp", "0011", THREE), machine("three-far", "www", "012", THREE),
    machine("three-memoryless", "p-p", "0112", THREE), machine("three-ext16", "pww", "00012", THREE, 4096, 16),
    machine("four", "pppp", "0123", FOUR), machine("four-cxl", "wwpp", "0011", FOUR),
    machine("four-16k", "pw-p", "02", FOUR, 16384),
)  # fmt: skip


def size_bytes(value: int, page_size: int) -> int:
    return value * (page_size // 4096) if value >= 4096 else value


def zonelist(m: Topology, node: int) -> list[int]:
    """Nodes with memory by distance; the node itself is the nearest."""
    return sorted((n for n in range(len(m.nodes)) if m.nodes[n].pages), key=lambda n: m.distances[node][n])


def pages_of(m: Topology, size: int) -> list[tuple[int, int]]:
    """(node of the CPU, bytes held) of each page of an area at offset 0, CPU outside, page inside."""
    whole, rest = divmod(size, m.page_size)
    held = [m.page_size] * whole + ([rest] if rest else [])
    return [(cpu.node, b) for cpu in m.cpus for b in held]


def ext_pages(m: Topology) -> int:
    """Pages of a new chunk's obj_exts, one entry for 4 bytes of a unit; they are placed before the area's."""
    return m.unit_pages * m.ext_size // 4


def step_weights(m: Topology, rules: Rules) -> list[float]:
    """Chance of each step along a zonelist, modulo its length."""
    length = len(zonelist(m, 0))
    return [sum(rules.steps[s::length]) / sum(rules.steps) for s in range(length)]


def independent(m: Topology, size: int, rules: Rules) -> Bytes:
    """Bytes by node where each page takes a step of its own: page by page."""
    weights = step_weights(m, rules)
    law: Bytes = {(0,) * len(m.nodes): 1.0}
    for node, held in pages_of(m, size):
        further: Bytes = defaultdict(float)
        order = zonelist(m, node)
        for before, chance in law.items():
            for step, weight in enumerate(weights):
                further[_with(before, order[step], held)] += chance * weight
        law = further
    return law


def _with(before: tuple[int, ...], node: int, held: int) -> tuple[int, ...]:
    return (*before[:node], before[node] + held, *before[node + 1 :])


def runs(m: Topology, size: int, rules: Rules) -> Bytes:
    """The same where all pages of a run of entries take one step."""
    weights, pages, first = step_weights(m, rules), pages_of(m, size), ext_pages(m)
    which = [(first + i) // RUN for i in range(len(pages))]
    names = sorted(set(which))
    law: Bytes = defaultdict(float)
    for steps in product(range(len(weights)), repeat=len(names)):
        held_by = [0] * len(m.nodes)
        for run, (node, held) in zip(which, pages, strict=True):
            held_by[zonelist(m, node)[steps[names.index(run)]]] += held
        law[tuple(held_by)] += float(np.prod([weights[s] for s in steps]))
    return law


def pressed(m: Topology, size: int, rules: Rules) -> Bytes:
    """The same where each node with memory has a drawn number of free pages; () where an allocation finds none."""
    total = sum(weight for _, weight in rules.free_pages)
    choices = [rules.free_pages if node.pages else ((0, total),) for node in m.nodes]
    law: Bytes = defaultdict(float)
    for drawn in product(*choices):
        chance = float(np.prod([weight / total for _, weight in drawn]))
        law[filled(m, size, [free for free, _ in drawn])] += chance
    return law


def filled(m: Topology, size: int, free: list[int]) -> tuple[int, ...]:
    """Bytes by node: each page from the first node of the zonelist above its low mark, else above its min mark."""
    held_by = [0] * len(m.nodes)
    for node, held in [(m.cpus[0].node, 0)] * ext_pages(m) + pages_of(m, size):
        order = zonelist(m, node)
        able = [n for n in order if free[n] > m.nodes[n].low_pages] + [
            n for n in order if free[n] > m.nodes[n].min_pages
        ]
        if not able:
            return ()
        free[able[0]] -= 1
        held_by[able[0]] += held
    return tuple(held_by)


def law_of(m: Topology, model: str, rules: Rules | None = None) -> Law:
    """P(precharged, used): ceil(F / P) + N and the sum of ceil(bytes on a node / P); F with the share of obj_exts."""
    rules, fallen = rules or Rules(), {"independent": independent, "runs": runs, "pressed": pressed}[model]
    law: Law = defaultdict(float)
    for value in SIZES:
        size = size_bytes(value, m.page_size)
        full = size * len(m.cpus) + size // 4 * m.ext_size
        precharge = -(-full // m.page_size) + len(m.nodes) + rules.over
        for held_by, chance in fallen(m, size, rules).items():
            used = sum(rules.used_of(held, m.page_size) for held in held_by)
            law[(precharge, used) if held_by else FAILED] += chance / len(SIZES)
    assert abs(sum(law.values()) - 1) < 1e-9
    return dict(law)


def narrowed_plan(m: Topology, model: str, seed: int) -> Plan:
    """A plan whose measured cases are that one allocation, under v2."""
    plan = Plan(VARIANTS["v2"], seed, single_family(m))
    limits = only(
        place=(MODELS[model],), size=SIZES, tasks=(1,), ops=(2,), op=(OP_ALLOC,), gfp=(GFP_ACCOUNT,), memcgs=(1,),
        memcg=(1,), max=(-1,), user=(0,), irq=(0,), align=(8,), slot=(0,), fail_populate=(0,), fail_create=(0,),
        fail_trylock=(0,), probe=(0,), parent=(0,), cpu=(0,),
    )  # fmt: skip
    kinds, values, counts = kind_arrays()
    values[KIND_NAMES.index("ops"), 0] = 1  # the least of the table is two
    plan.tables["measurement"] = (kinds, values, counts, limits)
    return plan


def sampled(m: Topology, model: str, cases: int, seed: int, batch: int = 50_000) -> dict[tuple[int, int], int]:
    """Cases by (precharged, used) as sampler and engine have them; nothing is checked after steps."""
    drawn, found = Batches(narrowed_plan(m, model, seed)), defaultdict(int)
    for k, size in enumerate(batches(cases, batch)):
        outcome = few_cases(drawn, "measurement", k, size, CHECK_NONE)
        for key, number in outcome.histograms["precharge_used"].items():
            found[key // PAIR % PAIR, key % PAIR] += number
    if sum(found.values()) < cases:
        found[FAILED] = cases - sum(found.values())
    return dict(found)


def batches(cases: int, batch: int) -> Iterator[int]:
    for start in range(0, cases, batch):
        yield min(batch, cases - start)


def p_value(found: dict[tuple[int, int], int], law: Law) -> float:
    """Chi-square; neighbouring cells are pooled until each expects at least 5. 0 if a cell of no probability is hit."""
    if set(found) - set(law):
        return 0.0
    cases = sum(found.values())
    cells: list[list[float]] = []
    for cell in sorted(law):
        if not cells or cells[-1][1] >= 5:
            cells.append([0.0, 0.0])
        cells[-1][0] += found.get(cell, 0)
        cells[-1][1] += law[cell] * cases
    if cells[-1][1] < 5:
        last = cells.pop()
        cells[-1] = [cells[-1][0] + last[0], cells[-1][1] + last[1]]
    expected = np.array([cell[1] for cell in cells])
    return float(chisquare([cell[0] for cell in cells], expected * cases / expected.sum()).pvalue)


WRONG = {
    "a page less precharged": Rules(over=-1),
    "steps equally likely": Rules(steps=(1,) * 8, free_pages=tuple((free, 1) for free, _ in FREE_PAGES)),
    "used rounded down": Rules(used_of=lambda held, page: held // page),
}
