"""Drives drawn cases compiled and plain, side by side, and compares the whole state after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import numpy as np
from byte_image import TrackedRecord

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry, plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.records import Prog, State, new_record
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.topology import size_class_of
from percpu_fuzz.engine.variant import CHARGE_PAGES, FREE_EACH_PAGE, VARIANTS, Variant
from percpu_fuzz.engine.variant_check import LARGEST
from percpu_fuzz.strategies.draw.rng import GOLDEN, MASK, mix, new_rng, to_word
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.redraw import plain_array
from percpu_fuzz.strategies.run.batch import draw_case
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step
from percpu_fuzz.strategies.schedulers.choose import begin, choose, took
from percpu_fuzz.strategies.schedulers.record import new_sched

MOST_STEPS = 1 << 20
Meddle = Callable[[Any, int], None]


@compiled
def hash_words(words: Any) -> Any:
    """Sum over the words that are not zero of mix(word + (index + 1) * GOLDEN), modulo 2^64."""
    total = to_word(0)
    for i in range(len(words)):
        word = words[i]
        if word != 0:
            total += mix((word + to_word(i + 1) * GOLDEN) & MASK)
    return total & MASK


@compiled_entry
def walk_hashed(
    topos: Any, progs: Any, states: Any, rngs: Any, scheds: Any, key: Any, case: int, hunt: int, tables: Any,
    corpus: Any, choices: Any, v: Any, words: Any, hashes: Any, most_steps: int, whole: bool,
) -> int:  # fmt: skip
    """Draw, reset and walk one case as run_batch does; hashes[k] = hash after k steps. Returns the number of steps.

    words: the bytes of `states` as uint64. Kept in the cache folder: that is safe because all it calls stands in this
    file, whose own edits numba sees, or in sources that name the folder.
    """
    st = states[0]
    which = draw_case(topos, progs, rngs[0], key, case, hunt, tables, corpus, choices, v)
    reset(topos[which], progs[0], st, whole)
    sched = scheds[0]
    begin(sched, st, rngs[0])
    hashes[0] = hash_words(words)
    steps = 0
    while steps < most_steps and not case_over(st):
        t = choose(sched, topos[which], progs[0], st, rngs[0])
        if t < 0:
            break
        label = st.pc[t]
        checked_step(topos[which], progs[0], st, t, CHECK_TOUCHED)
        took(sched, t, label)
        steps += 1
        hashes[steps] = hash_words(words)
    return steps


class LazyTopos:
    """The machines of a pool as plain mirrors, made when they are asked for."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    def __len__(self) -> int:
        return len(self.pool)

    def __getitem__(self, which: int) -> PlainRecord:
        return PlainRecord(self.pool[which])


@dataclass(frozen=True, slots=True)
class Case:
    """Which case of which plan."""

    plan: Plan
    stream: str
    k: int

    @property
    def size_class(self) -> str:
        return self.plan.classes[self.plan.stratum(self.stream, self.k)]

    @property
    def pool(self) -> Any:
        return self.plan.pool(self.plan.stratum(self.stream, self.k))

    def sched(self) -> Any:
        """The batch's scheduler in a fresh record."""
        scheds = new_sched()
        self.plan.set_sched(scheds[0], self.stream, self.k)
        return scheds

    @property
    def hunt(self) -> int:
        return int(self.stream == "hunting")


class CompiledSide:
    """The records of a size class; a case begins with cleared ones unless it is to meet what the last case left."""

    def __init__(self, size_class: str) -> None:
        self.progs, self.states = new_record(Prog, size_class), new_record(State, size_class)
        self.rngs = new_rng()
        self.hashes = np.zeros(MOST_STEPS + 1, dtype=np.uint64)

    def run(self, case: Case, most_steps: int = MOST_STEPS, *, clear: bool = True) -> int:
        """Number of steps; the hashes stand in self.hashes[: steps + 1]."""
        plan = case.plan
        if clear:
            self.progs[0], self.states[0] = 0, 0
        plan.prepare(self.progs[0])
        return walk_hashed(
            case.pool, self.progs, self.states, self.rngs, case.sched(), np.uint64(plan.key(case.stream, case.k)), 0,
            case.hunt, plan.tables[case.stream], plan.corpus(case.stream, case.k), plan.choices, plan.scratch,
            self.states.view(np.uint64), self.hashes, most_steps, clear,
        )  # fmt: skip


class PlainSide:
    """The same case in plain mode, on records that no other case has used."""

    def __init__(self, case: Case) -> None:
        plan = case.plan
        prog = new_record(Prog, case.size_class)
        plan.prepare(prog[0])
        self.prog, self.rng = PlainRecord(prog[0]), PlainRecord(new_rng()[0])
        topos = LazyTopos(case.pool)
        which = plain(draw_case)(
            topos, [self.prog], self.rng, plan.key(case.stream, case.k), 0, case.hunt,  # type: ignore[arg-type]
            tuple(plain_array(table) for table in plan.tables[case.stream]),
            plain_array(plan.corpus(case.stream, case.k)), plain_array(plan.choices), plain_array(plan.scratch),
        )  # fmt: skip
        self.sched: Any = PlainRecord(case.sched()[0])
        self.which = int(which)
        self.topo = topos[which]
        state = PlainRecord(new_record(State, case.size_class)[0])
        plain(reset)(self.topo, self.prog, state, True)  # type: ignore[arg-type]
        self.state = TrackedRecord(state.to_array()[0])

    def hashes(self, meddle: Meddle | None = None) -> Iterator[int]:
        """The hash before the first step and after each; `meddle(state, steps)` may change the state before it."""
        next_task, take_step, note, over = plain(choose), plain(checked_step), plain(took), plain(case_over)
        topo: Any = self.topo
        prog: Any = self.prog
        state: Any = self.state
        rng: Any = self.rng
        plain(begin)(self.sched, state, rng)
        yield self.state.image.digest()
        while not over(state):
            task = next_task(self.sched, topo, prog, state, rng)
            if task < 0:
                break
            label = state.pc[task]
            take_step(topo, prog, state, task, CHECK_TOUCHED)
            note(self.sched, task, label)
            if meddle is not None:
                meddle(state, state.nr_steps)
            yield self.state.image.digest()


def different_fields(a: Any, b: Any) -> list[str]:
    """Names of the fields in which two records of one dtype differ."""
    return [name for name in a.dtype.names if not np.array_equal(a[name], b[name])]


def first_difference(case: Case, compiled_side: CompiledSide, meddle: Meddle | None = None) -> str:
    """'' if the case is the same compiled and plain; else the step and the fields that differ after it."""
    total = compiled_side.run(case)
    want = compiled_side.hashes[: total + 1].tolist()
    plain_side = PlainSide(case)
    steps = -1
    for steps, found in enumerate(plain_side.hashes(meddle)):
        if steps > total or found != want[steps]:
            compiled_side.run(case, steps)
            fields = different_fields(plain_side.state.to_array()[0], compiled_side.states[0])
            return f"{case.stream} batch {case.k} of {case.plan.variant.name}: step {steps} of {total}, {fields}"
    name = f"{case.stream} batch {case.k} of {case.plan.variant.name}: "
    if steps != total:
        return f"{name}{total} steps compiled, {steps} plain"
    # The image must have seen every write, or equal hashes would say nothing.
    sides = (
        (plain_side.state.to_array(), compiled_side.states), (plain_side.prog.to_array(), compiled_side.progs),
        (plain_side.rng.to_array(), compiled_side.rngs),
    )  # fmt: skip
    for mine, theirs in sides:
        if mine.tobytes() != theirs.tobytes():
            return f"{name}at the end, {different_fields(mine[0], theirs[0])}"
    return ""


def mutants() -> list[Variant]:
    """`fixed` with one choice changed, for each value that a choice may take."""
    fixed = VARIANTS["fixed"]
    changes: list[dict[str, Any]] = [
        {"name": f"fixed-{name}-{value}", name: value}
        for name, most in LARGEST.items()
        for value in range(most + 1)
        if value != fixed.choices()[name]
    ]
    return [replace(fixed, **change) for change in changes]


def plans_of(size_class: str, seed: int) -> list[Plan]:
    """A plan for each variant and mutant that the class can run; every second one draws nested refreshes too."""
    wide = size_class == "wide"
    strata = tuple(f for f in families() if any(size_class_of(t) == "wide" for t in f.topologies) == wide)
    variants = [v for v in (*VARIANTS.values(), *mutants()) if not (wide and order_matters(v))]
    plans = [Plan(v, seed, strata, ("nested-refresh",) if i % 2 else ()) for i, v in enumerate(variants)]
    for plan in plans[1:]:
        plan.pools = plans[0].pools
    return plans


def order_matters(variant: Variant) -> bool:
    """Class wide keeps counts, not the order by CPU, and refuses these."""
    return variant.free == FREE_EACH_PAGE or variant.charge == CHARGE_PAGES


def cases_of(size_class: str, count: int, seed: int) -> Iterator[Case]:
    """`count` cases: the series' variants and mutants in turn, either stream, families by weight within the class."""
    plans = plans_of(size_class, seed)
    series = cycle([plan for plan in plans if plan.variant.name in VARIANTS])
    others = cycle([plan for plan in plans if plan.variant.name not in VARIANTS])
    for i in range(count):
        yield Case(next(others if i % 3 == 2 else series), STREAMS[i // 2 % 2], i)


def compare_scenarios(size_class: str, count: int, seed: int) -> dict[str, Any]:
    """Run `count` random scenarios of a size class compiled and plain.

    {"scenarios", "steps", "families": number of scenarios by family, "variants": by variant,
    "different": one line for each scenario that differs}.
    """
    side = CompiledSide(size_class)
    steps, different = 0, []
    by_family: Counter[str] = Counter()
    by_variant: Counter[str] = Counter()
    for case in cases_of(size_class, count, seed):
        line = first_difference(case, side)
        if line:
            different.append(line)
        steps += int(side.states[0]["nr_steps"])
        by_family[case.plan.strata[case.plan.stratum(case.stream, case.k)].name] += 1
        by_variant[case.plan.variant.name] += 1
    return {
        "scenarios": count, "steps": steps, "families": dict(by_family), "variants": dict(by_variant),
        "different": different,
    }  # fmt: skip
