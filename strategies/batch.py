"""One batch: draw, reset, run and count its cases, all compiled; the Outcome comes back as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.base import INVARIANT_NAMES, State, Topo
from engine.compiled import compiled, compiled_entry
from engine.labels import NAMES
from engine.outcome import Histogram, Outcome, Signature
from engine.reset import reset
from strategies.decode import decode, draw_choices
from strategies.rng import Rng, below_n, seed_rng, to_word
from strategies.schedulers.record import URW
from strategies.walk import OVERLONG, STUCK, expect_steps, run_case

NR_INVARIANT = len(INVARIANT_NAMES)
MOST_STEPS = 1_000_000  # a case needs some hundreds, on a thousand nodes some ten thousands
BINS = 4096
NR_HISTOGRAMS = 4
WASTE, PRECHARGE, SHARE, ROUNDING = range(NR_HISTOGRAMS)
HISTOGRAM_NAMES = ("waste_pages", "precharge_pages", "share_percent", "rounding_bytes16")
NR_TOTALS = 16 + 7
PROBE_NAMES = ("none", "charged", "charge_failed", "first_chunk", "alloc_failed", "uncharged", "alloc_failed_uncharged")
TOTAL_NAMES = (
    "steps", "ended_early", "stuck", "overlong", "alloc", "free", "charged", "refunded", "charge_failed", "illegal",
    "alloc_ops", "free_ops", "waste_sum",
)  # fmt: skip
AT_PROBE = 16
EVENTS = 64


@compiled
def draw_case(
    topos: Any, progs: Any, rng: Rng, key: Any, case: int, hunt: int, tables: Any, choices: Any, v: Any
) -> Any:
    """Draw case number `case` of a batch into progs[0]; the index of its machine."""
    kinds, values, counts, limits = tables
    seed_rng(rng, to_word(key), to_word(case))
    which = below_n(rng, len(topos))
    mask = 0
    if hunt == 1:
        # A swarm: operation kinds are switched off at random; allocs and frees stay.
        mask = below_n(rng, 1 << 30) & below_n(rng, 1 << 30)
    draw_choices(rng, kinds, limits, counts, mask, choices)
    decode(choices, topos[which], progs[0], kinds, values, counts, v)
    return which


@compiled
def add_probe(topo: Topo, st: State, histograms: Any) -> None:
    if st.probe_done != 1:
        return
    waste, precharge = st.probe_waste, st.probe_precharge
    histograms[WASTE, min(waste, BINS - 1)] += 1
    histograms[PRECHARGE, min(precharge, BINS - 1)] += 1
    if precharge > 0:
        histograms[SHARE, waste * 100 // precharge] += 1
    histograms[ROUNDING, min(max(st.probe_rounding, 0) * 16 // topo.page_size, BINS - 1)] += 1


@compiled
def add_totals(st: State, status: int, totals: Any, hazards: Any) -> None:
    totals[0] += st.nr_steps
    totals[1] += st.fatal
    totals[2] += 1 if status == STUCK else 0
    totals[3] += 1 if status == OVERLONG else 0
    totals[4] += st.nr_alloc
    totals[5] += st.nr_free
    totals[6] += st.nr_charged
    totals[7] += st.nr_refunded
    totals[8] += st.nr_charge_fail
    totals[9] += st.nr_illegal
    totals[10] += st.alloc_ops
    totals[11] += st.free_ops
    totals[12] += st.waste_pages
    totals[AT_PROBE + st.probe_done] += 1
    for h in range(1, 26):
        hazards[h] += st.hazard[h]


@compiled
def log_violations(st: State, case: int, events: Any, nr_events: int) -> int:
    """Append (case, invariant, label, hazards) rows; the number of rows now."""
    for i in range(NR_INVARIANT):
        if st.violated[i] == 1:
            events[nr_events, 0] = case
            events[nr_events, 1] = i
            events[nr_events, 2] = st.viol_label[i]
            events[nr_events, 3] = st.viol_hazards[i]
            nr_events += 1
    return nr_events


@compiled_entry
def run_batch(
    topos: Any, progs: Any, states: Any, rngs: Any, scheds: Any, key: Any, cases: int, hunt: int, checks: int,
    tables: Any, choices: Any, v: Any, histograms: Any, totals: Any, hazards: Any, events: Any,
) -> int:  # fmt: skip
    """Run every case of a batch; counts go into the arrays given. Returns the number of violation rows."""
    nr_events = 0
    st = states[0]
    for case in range(cases):
        which = draw_case(topos, progs, rngs[0], key, case, hunt, tables, choices, v)
        reset(topos[which], progs[0], st, False)
        if scheds[0].kind == URW:
            expect_steps(topos[which], progs[0], st, rngs[0], scheds[0], MOST_STEPS)
            reset(topos[which], progs[0], st, False)
        status = run_case(topos[which], progs[0], st, rngs[0], scheds[0], checks, MOST_STEPS)
        add_probe(topos[which], st, histograms)
        add_totals(st, status, totals, hazards)
        nr_events = log_violations(st, case, events, nr_events)
    return nr_events


def histogram_of(bins: Any) -> Histogram:
    return {int(i): int(bins[i]) for i in np.flatnonzero(bins)}


def count_events(events: Any, variant: str) -> tuple[dict[Signature, int], dict[Signature, tuple[int, ...]]]:
    """Cases by signature, and the first two cases of each."""
    counted: dict[Signature, int] = {}
    first: dict[Signature, tuple[int, ...]] = {}
    for case, invariant, label, passed in events.tolist():
        hazards = tuple(h for h in range(1, 26) if passed >> h & 1)
        signature = Signature(INVARIANT_NAMES[invariant], variant, NAMES[label], hazards)
        counted[signature] = counted.get(signature, 0) + 1
        first[signature] = (*first.get(signature, ()), case)[:2]
    return counted, first


def outcome_of(
    stream: str, k: int, family: str, variant: str, cases: int, histograms: Any, totals: Any, hazards: Any, events: Any
) -> Outcome:
    """The arrays of run_batch as plain data."""
    counts = {name: int(totals[i]) for i, name in enumerate(TOTAL_NAMES[4:], 4)}
    counts["stuck"], counts["overlong"] = int(totals[2]), int(totals[3])
    counts |= {f"probe.{name}": int(totals[AT_PROBE + i]) for i, name in enumerate(PROBE_NAMES)}
    counts |= {f"hazard.H{h}": int(hazards[h]) for h in range(1, 26)}
    counted, first = count_events(events, variant)
    named = {name: histogram_of(histograms[i]) for i, name in enumerate(HISTOGRAM_NAMES)}
    return Outcome(stream, k, family, cases, int(totals[0]), int(totals[1]), named, counts, counted, first)
