"""The cases of a batch, one after the other in one compiled call: draw, reset, run, count."""

from __future__ import annotations

from typing import Any, NamedTuple

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.strategies.draw.choices import LENGTH
from percpu_fuzz.strategies.draw.decode import decode, draw_choices, gather
from percpu_fuzz.strategies.draw.rng import ONE, ZERO, Rng, below_n, next_word, seed_rng, to_word
from percpu_fuzz.strategies.run.features import begin_trail
from percpu_fuzz.strategies.run.tally import BatchTally, count_case
from percpu_fuzz.strategies.run.walk import expect_steps, run_case
from percpu_fuzz.strategies.schedulers.record import URW

MOST_STEPS = 1_000_000  # a case needs some hundreds, on a thousand nodes some ten thousands
FRESH_WORDS = 4  # so many random words AND-ed: one position in 16 of a varied case is drawn anew
GATHERING, OF_CASES = 2, 5  # so many hunting cases of so many gather
VARIED_EVERY = 2  # one case in so many varies a case of the corpus, once there is a corpus


class Machinery(NamedTuple):
    """What cases of one size class are run with, arrays of one record each. choices, values: LENGTH int32.

    A case writes Prog and State anew where it uses them, so the variant, which stands in Prog, is written once and
    every row of State cleared once before the first case.
    """

    progs: Any
    states: Any
    rngs: Any
    scheds: Any
    trails: Any
    choices: Any
    values: Any


@compiled_entry
def draw_numbers(
    rng: Rng, key: Any, case: int, nr_topos: int, hunt: int, tables: Any, corpus: Any, choices: Any, whole: bool
) -> Any:
    """Draw the choices of case number `case` of a batch; the index of its machine.

    corpus: (n, LENGTH) choices of earlier cases that showed something new; half of the cases of a hunting batch vary
    one of them. With n = 0 every case is a fresh draw. Unless `whole`, or there is a corpus, choices that the program
    does not use are left as they are.
    """
    seed_rng(rng, to_word(key), to_word(case))
    which = below_n(rng, nr_topos)
    mask = 0
    if hunt == 1:
        # A swarm: operation kinds are switched off at random; allocs and frees stay.
        mask = below_n(rng, 1 << 30) & below_n(rng, 1 << 30)
    draw_choices(rng, tables, mask, choices, whole or len(corpus) > 0)
    if hunt == 1 and below_n(rng, OF_CASES) < GATHERING:
        gather(rng, tables, choices)
    if len(corpus) > 0 and below_n(rng, VARIED_EVERY) == 0:
        vary(rng, corpus, below_n(rng, len(corpus)), choices)
    return which


@compiled
def vary(rng: Rng, corpus: Any, parent: int, choices: Any) -> None:
    """Put the parent's choices over the drawn ones, but for one position in 16."""
    for start in range(0, LENGTH, 64):
        fresh = next_word(rng)
        for _ in range(FRESH_WORDS - 1):
            fresh &= next_word(rng)
        for i in range(start, min(start + 64, LENGTH)):
            if fresh & ONE == ZERO:
                choices[i] = corpus[parent, i]
            fresh >>= ONE


@compiled
def draw_case(
    topos: Any, progs: Any, rng: Rng, key: Any, case: int, hunt: int, tables: Any, corpus: Any, choices: Any, v: Any
) -> Any:
    """Draw case number `case` of a batch into progs[0]; the index of its machine."""
    kinds, values, counts, _ = tables
    which = draw_numbers(rng, key, case, len(topos), hunt, tables, corpus, choices, False)
    decode(choices, topos[which], progs[0], kinds, values, counts, v)
    return which


@compiled_entry
def draw_case_alone(
    topos: Any, progs: Any, rng: Rng, key: Any, case: int, hunt: int, tables: Any, corpus: Any, choices: Any, v: Any
) -> Any:
    """`draw_case`, for callers that are not compiled."""
    return draw_case(topos, progs, rng, key, case, hunt, tables, corpus, choices, v)


@compiled_entry
def run_cases(
    topos: Any, machinery: Machinery, key: Any, hunt: int, checks: int, tables: Any, corpus: Any, tally: BatchTally
) -> None:
    """Run as many cases as the tally has rows, under the scheduler that stands in the machinery."""
    prog, st = machinery.progs[0], machinery.states[0]
    rng, sched, trail, values = machinery.rngs[0], machinery.scheds[0], machinery.trails[0], machinery.values
    for case in range(len(tally.rows)):
        which = draw_case(topos, machinery.progs, rng, key, case, hunt, tables, corpus, machinery.choices, values)
        reset(topos[which], prog, st, False)
        if sched.kind == URW:
            expect_steps(topos[which], prog, st, rng, sched, MOST_STEPS)
            reset(topos[which], prog, st, False)
        begin_trail(trail)
        status = run_case(topos[which], prog, st, rng, sched, trail, checks, MOST_STEPS)
        count_case(tally, topos[which], prog, st, trail, values[0], case, status)
