"""Drives drawn cases compiled and plain, side by side, and compares the whole state after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import numpy as np
from byte_image import TrackedRecord

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.case.runnable import case_over
from percpu_fuzz.engine.choices import CHOICES
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.records import Prog, State, new_record
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.own.engines import entry_of, plain_of
from percpu_fuzz.engine.variant import CHARGE_PAGES, FREE_EACH_PAGE, VARIANTS, Variant
from percpu_fuzz.strategies.draw.decode import new_scratch
from percpu_fuzz.strategies.draw.rng import GOLDEN, MASK, mix, new_rng, to_word
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.redraw import drawn_case
from percpu_fuzz.strategies.run.cases import draw_case
from percpu_fuzz.strategies.run.steps import StepTaken, scheduled, steps
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


class CompiledSide:
    """The records of a size class; a case begins with cleared ones unless it is to meet what the last case left."""

    def __init__(self, size_class: str) -> None:
        self.progs, self.states = new_record(Prog, size_class), new_record(State, size_class)
        self.rngs = new_rng()
        self.hashes = np.zeros(MOST_STEPS + 1, dtype=np.uint64)

    def run(self, batch: Batch, most_steps: int = MOST_STEPS, *, clear: bool = True) -> int:
        """Number of steps of a batch's first case; the hashes stand in self.hashes[: steps + 1]."""
        scheds = new_sched()
        batch.write_sched(scheds[0])
        if clear:
            self.progs[0], self.states[0] = 0, 0
        batch.write_prog(self.progs[0])
        walk = entry_of(batch.variant, walk_hashed)
        return walk(
            batch.family.topos, self.progs, self.states, self.rngs, scheds, np.uint64(batch.key), 0, int(batch.hunts),
            batch.tables, batch.corpus, new_scratch(), new_scratch(), self.states.view(np.uint64), self.hashes,
            most_steps, clear,
        )  # fmt: skip


class PlainSide:
    """The first case of a batch in plain mode, on records that no other case has used."""

    def __init__(self, batch: Batch) -> None:
        drawn = drawn_case(batch, 0)
        scheds = new_sched()
        batch.write_sched(scheds[0])
        self.sched: Any = PlainRecord(scheds[0])
        self.variant = batch.variant
        self.topo, self.prog, self.rng, self.which = drawn.topo, drawn.prog, drawn.rng, drawn.which
        self.state = TrackedRecord(drawn.state.to_array()[0])

    def steps(self) -> Iterator[StepTaken]:
        """The case under its batch's scheduler, step by step."""
        state: Any = self.state
        plain_of(self.variant, begin)(self.sched, state, self.rng)
        next_task = scheduled(self.variant, self.sched, self.topo, self.prog, state, self.rng)
        return steps(self.variant, self.topo, self.prog, state, next_task)

    def hashes(self, meddle: Meddle | None = None) -> Iterator[int]:
        """The hash before the first step and after each; `meddle(state, steps)` may change the state before it."""
        state: Any = self.state
        walk = self.steps()
        yield self.state.image.digest()
        for _ in walk:
            if meddle is not None:
                meddle(state, state.nr_steps)
            yield self.state.image.digest()


def different_fields(a: Any, b: Any) -> list[str]:
    """Names of the fields in which two records of one dtype differ."""
    return [name for name in a.dtype.names if not np.array_equal(a[name], b[name])]


def first_difference(
    batch: Batch, compiled_side: CompiledSide, meddle: Meddle | None = None, most_steps: int = MOST_STEPS
) -> str:
    """'' if the case is the same compiled and plain, or its first steps; else the step and the fields that differ."""
    total = compiled_side.run(batch, most_steps)
    want = compiled_side.hashes[: total + 1].tolist()
    plain_side = PlainSide(batch)
    at = -1
    for at, found in enumerate(islice(plain_side.hashes(meddle), most_steps + 1)):
        if at > total or found != want[at]:
            compiled_side.run(batch, at)
            fields = different_fields(plain_side.state.to_array()[0], compiled_side.states[0])
            return f"{batch} of {batch.variant.name}: step {at} of {total}, {fields}"
    name = f"{batch} of {batch.variant.name}: "
    if at != total:
        return f"{name}{total} steps compiled, {at} plain"
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
    """`fixed` with one choice changed, for each value that a choice may take; numbers of pages apart."""
    fixed = VARIANTS["fixed"]
    changes: list[dict[str, Any]] = [
        {"name": f"fixed-{name}-{value}", name: value}
        for name, choice in CHOICES.items()
        for value in choice.values
        if value != fixed.choices()[name]
    ]
    return [replace(fixed, **change).claiming(fixed.judge) for change in changes]


def plans_of(size_class: str, seed: int) -> list[Plan]:
    """A plan for each variant and mutant that the class can run; every second one draws nested refreshes too."""
    chosen = tuple(family for family in families() if family.size_class == size_class)
    variants = [v for v in (*VARIANTS.values(), *mutants()) if size_class == "small" or not order_matters(v)]
    return [Plan(v, seed, chosen, ("nested-refresh",) if i % 2 else ()) for i, v in enumerate(variants)]


def order_matters(variant: Variant) -> bool:
    """Class wide keeps counts, not the order by CPU, and refuses these."""
    return variant.free == FREE_EACH_PAGE or variant.charge == CHARGE_PAGES


def batches_of(size_class: str, count: int, seed: int) -> Iterator[Batch]:
    """`count` batches: the series' variants and mutants in turn, either stream, families by weight within the class."""
    plans = plans_of(size_class, seed)
    series = cycle([plan for plan in plans if plan.variant.name in VARIANTS])
    others = cycle([plan for plan in plans if plan.variant.name not in VARIANTS])
    for i in range(count):
        yield next(others if i % 3 == 2 else series).batch_of(STREAMS[i // 2 % 2], i)


def compare_scenarios(size_class: str, count: int, seed: int, most_steps: int = MOST_STEPS) -> dict[str, Any]:
    """Run `count` random scenarios of a size class compiled and plain, at most so many steps of each.

    {"scenarios", "steps", "families": number of scenarios by family, "variants": by variant,
    "different": one line for each scenario that differs}.
    """
    side = CompiledSide(size_class)
    taken, different = 0, []
    by_family: Counter[str] = Counter()
    by_variant: Counter[str] = Counter()
    for batch in batches_of(size_class, count, seed):
        line = first_difference(batch, side, most_steps=most_steps)
        if line:
            different.append(line)
        taken += int(side.states[0]["nr_steps"])
        by_family[batch.family.name] += 1
        by_variant[batch.variant.name] += 1
    return {
        "scenarios": count, "steps": taken, "families": dict(by_family), "variants": dict(by_variant),
        "different": different,
    }  # fmt: skip
