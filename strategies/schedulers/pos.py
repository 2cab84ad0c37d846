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

ON_STOCK, ON_COUNTER, ON_OBJCG, ON_CHUNK, ON_QUEUE = 1, 2, 4, 8, 16
BY_PREFIX = {
    "AL": ON_CHUNK | ON_OBJCG, "PO": ON_OBJCG | ON_CHUNK, "FR": ON_OBJCG | ON_CHUNK, "SL": ON_OBJCG, "UN": ON_COUNTER,
    "TC": ON_COUNTER | ON_STOCK, "RS": ON_STOCK, "UC": ON_COUNTER, "RO": ON_STOCK | ON_OBJCG,
    "UP": ON_COUNTER | ON_OBJCG, "DO": ON_STOCK | ON_OBJCG, "RL": ON_OBJCG, "DA": ON_QUEUE | ON_STOCK, "DL": ON_STOCK,
    "OP": ON_COUNTER | ON_QUEUE, "BA": ON_CHUNK, "OF": ON_OBJCG | ON_QUEUE, "CF": ON_OBJCG, "RF": ON_OBJCG,
}  # fmt: skip
TOUCHES = np.array([BY_PREFIX.get(name.split("_")[0], ON_QUEUE) for name in NAMES], dtype=np.int64)


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
