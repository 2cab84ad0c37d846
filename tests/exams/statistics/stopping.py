"""The sequences of --stop on simulated streams of known truth, looked at after every batch; and the control.

Three families of weights 6, 3 and 1: the last one's machines have many nodes and its batches few cases, as in a
campaign. Probabilities are fractions of exact values, so the truth is by hand and not by simulation.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from stored_campaigns import counted, in_parallel, too_few

from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.reports.figures.headroom import PAIR
from percpu_fuzz.reports.figures.stopping import Watch, parse_stop
from percpu_fuzz.reports.statistics.intervals import Interval, clopper_pearson

STREAMS, LOOKS = 2_000, 50
WEIGHTS, NODES, BATCH = {"two": 6, "four": 3, "many": 1}, {"two": 2, "four": 4, "many": 64}, (40, 40, 4)
TURNS = ("two", "four", "two", "two", "four", "two", "many", "two", "four", "two")
LOOK_CONTROL = 0.85
# By family: chances of a probe's (precharged, used) pages; what is left of 1 was not charged.
PROBES: dict[str, dict[tuple[int, int], float]] = {
    "two": {(2, 1): 0.3, (3, 1): 0.15, (5, 2): 0.1, (6, 6): 0.05},
    "four": {(4, 3): 0.2, (5, 2): 0.3, (9, 3): 0.2, (7, 1): 0.02},
    "many": {(66, 4): 0.4, (70, 2): 0.1, (5, 1): 0.1, (80, 60): 0.2},
}
# Chances that a case breaks I1 alone, I2 alone, both.
BROKEN = {"two": (0.01, 0.02, 0.01), "four": (0.1, 0.0, 0.05), "many": (0.0, 0.2, 0.2)}
QUANTILES = {"p50 waste": 0.5, "p90 waste": 0.9, "p99 waste": 0.99}
HEADROOM = 2
WATCHED = (*QUANTILES, "mean waste", "rate(I1)", "rate(any)", f"rate(spurious h={HEADROOM})")


def share(family: str) -> float:
    return WEIGHTS[family] / sum(WEIGHTS.values())


@cache
def truth() -> dict[str, float]:
    """Quantiles, mean and spurious failures by weight, from the tables above."""
    rows = [(share(f) * p, pages, used) for f, table in PROBES.items() for (pages, used), p in table.items()]
    charged = sum(p for p, _, _ in rows)
    found = {"mean waste": sum(p * (pages - used) for p, pages, used in rows) / charged}
    for name, q in QUANTILES.items():
        at = sorted({pages - used for _, pages, used in rows})
        found[name] = next(x for x in at if sum(p for p, pages, used in rows if pages - used <= x) >= q * charged)
    fits = sum(p for p, _, used in rows if used <= HEADROOM)
    found[f"rate(spurious h={HEADROOM})"] = sum(p for p, pages, used in rows if used <= HEADROOM < pages) / fits
    return found


def batch(rng: Any, k: int) -> Outcome:
    """The next batch of a stream."""
    family = TURNS[k % len(TURNS)]
    cases = BATCH[list(WEIGHTS).index(family)]
    table = PROBES[family]
    drawn = rng.multinomial(cases, [*table.values(), 1 - sum(table.values())]).tolist()
    waste: dict[int, int] = {}
    joint: dict[int, int] = {}
    for (pages, used), number in zip(table, drawn, strict=False):
        if number:
            waste[pages - used] = waste.get(pages - used, 0) + number
            joint[pages * PAIR + used] = number
    one, other, both, _ = rng.multinomial(cases, [*BROKEN[family], 1 - sum(BROKEN[family])]).tolist()
    broken = {Signature(name, "v2", "X", ()): n for name, n in (("I1", one + both), ("I2", other + both)) if n}
    return Outcome(
        "measurement", k, family, cases, 0, 0, {"waste_pages": waste, "precharge_used": joint}, violations=broken
    )


def holds(interval: Interval, value: float) -> bool:
    return (interval.low is None or interval.low <= value) and (interval.high is None or value <= interval.high)


def examined(seed: int) -> dict[str, bool]:
    """Which intervals of one stream hold at every look; the control is Clopper and Pearson's of I1."""
    rng = np.random.default_rng(seed)
    watches = {name: Watch(parse_stop(f"{name} < 0"), WEIGHTS, NODES) for name in WATCHED}
    found = dict.fromkeys((*WATCHED, "fixed n"), True)
    cases = hits = 0
    chances = {"rate(I1)": 0.0, "rate(any)": 0.0}
    for k in range(LOOKS):
        outcome = batch(rng, k)
        cases += outcome.cases
        hits += sum(n for s, n in outcome.violations.items() if s.invariant == "I1")
        alone, _, both = BROKEN[outcome.family]
        chances["rate(I1)"] += outcome.cases * (alone + both)
        chances["rate(any)"] += outcome.cases * sum(BROKEN[outcome.family])
        values = truth() | {name: total / cases for name, total in chances.items()}
        for name, watch in watches.items():
            watch.add(outcome)
            found[name] &= holds(watch.interval(), values[name])
        found["fixed n"] &= holds(clopper_pearson(hits, cases), values["rate(I1)"])
    return found


def stopping() -> dict[str, Any]:
    """No sequence is rejected as holding in fewer than 95% of streams; intervals for a fixed n fall below 85%."""
    held = counted(in_parallel(examined, range(1, STREAMS + 1)))
    control = held.pop("fixed n") / STREAMS
    rejected = [name for name in held if too_few(held[name], STREAMS)]
    return {
        "passed": not rejected and control < LOOK_CONTROL, "streams": STREAMS, "looks": LOOKS, "rejected": rejected,
        "control": control, "coverage": {name: number / STREAMS for name, number in held.items()},
    }  # fmt: skip


LINES = {"stopping": stopping}
