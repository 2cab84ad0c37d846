"""POS: partial order sampling, a random priority for each step, drawn anew for steps that race with the one taken.

Yuan, Yang, Gu: "Partial order aware concurrency sampling", CAV 2018, algorithm 2. What a step will touch is known here
only by its label, so two steps count as racing when their labels name a common kind of object: more races than there
are, which costs some of the paper's gain and none of its randomness.
"""

from __future__ import annotations

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.core.records import State
from percpu_fuzz.strategies.draw.rng import Rng, next_word
from percpu_fuzz.strategies.schedulers.record import Sched

STOCK, COUNTER, OBJCG, CHUNK, QUEUE = 1, 2, 4, 8, 16
BY_PREFIX = {
    "AL": CHUNK | OBJCG, "PO": OBJCG | CHUNK, "FR": OBJCG | CHUNK, "SL": OBJCG, "UN": COUNTER, "TC": COUNTER | STOCK,
    "RS": STOCK, "UC": COUNTER, "RO": STOCK | OBJCG, "UP": COUNTER | OBJCG, "DO": STOCK | OBJCG, "RL": OBJCG,
    "DA": QUEUE | STOCK, "DL": STOCK, "OP": COUNTER | QUEUE, "BA": CHUNK, "OF": OBJCG | QUEUE, "CF": OBJCG, "RF": OBJCG,
}  # fmt: skip
TOUCHES = np.array([BY_PREFIX.get(name.split("_")[0], QUEUE) for name in NAMES], dtype=np.int64)


@compiled
def begin_pos(sched: Sched, st: State, rng: Rng) -> None:
    """Draw a 64-bit priority for the first step of every task, workers too."""
    for t in range(st.nr_all):
        sched.priority[t] = next_word(rng)


@compiled
def choose_pos(sched: Sched, st: State, rng: Rng, mask: int) -> int:
    """The runnable task with the highest priority; its own and those of racing steps are drawn anew."""
    best = -1
    for t in range(st.nr_all):
        if mask >> t & 1:
            if best < 0 or sched.priority[t] > sched.priority[best]:
                best = t
    touched = TOUCHES[st.pc[best]]
    for t in range(st.nr_all):
        if t == best or TOUCHES[st.pc[t]] & touched:
            sched.priority[t] = next_word(rng)
    return best
