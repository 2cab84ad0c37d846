"""One batch: draw, reset, run and count its cases, all compiled; the Outcome comes back as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import compiled, compiled_entry
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import GFP_NOBLOCK, NAMES
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.histograms import AMISS, MISPLACED_WHERE, PAIR, PRECHARGE_USED, ROUNDING_PARTS, SIZE_CELLS
from percpu_fuzz.engine.outcome import HUNTING, Histogram, Outcome, Signature
from percpu_fuzz.strategies.draw.choices import LENGTH
from percpu_fuzz.strategies.draw.decode import decode, draw_choices
from percpu_fuzz.strategies.draw.rng import ONE, ZERO, Rng, below_n, next_word, seed_rng, to_word
from percpu_fuzz.strategies.run.features import add_case, begin_trail
from percpu_fuzz.strategies.run.walk import OVERLONG, STUCK, expect_steps, run_case
from percpu_fuzz.strategies.schedulers.record import URW

NR_INVARIANT = len(INVARIANT_NAMES)
MOST_STEPS = 1_000_000  # a case needs some hundreds, on a thousand nodes some ten thousands
NR_TOTALS = 16 + 7
PROBE_NAMES = ("none", "charged", "charge_failed", "first_chunk", "alloc_failed", "uncharged", "alloc_failed_uncharged")
TOTAL_NAMES = (
    "steps", "ended_early", "stuck", "overlong", "alloc", "free", "charged", "refunded", "charge_failed", "illegal",
    "alloc_ops", "free_ops", "waste_sum",
)  # fmt: skip
AT_PROBE = 16
# Columns of the row that each case leaves.
DONE, PRECHARGE, USED, BOOKED, AREA_BYTES, MISPLACED, IN_FLIGHT, PAGE_SIZE, NODES, NOWAIT, CPUS, PLACE = range(12)
NR_COLUMNS = 12
FRESH_WORDS = 4  # so many random words AND-ed: one position in 16 of a varied case is drawn anew
HALF = 2  # one case in so many varies a case of the corpus, once there is a corpus


@compiled
def draw_numbers(
    rng: Rng, key: Any, case: int, nr_topos: int, hunt: int, tables: Any, corpus: Any, choices: Any
) -> Any:
    """Draw the choices of case number `case` of a batch; the index of its machine.

    corpus: (n, LENGTH) choices of earlier cases that showed something new; half of the cases of a hunting batch vary
    one of them. With n = 0 every case is a fresh draw.
    """
    kinds, _, counts, limits = tables
    seed_rng(rng, to_word(key), to_word(case))
    which = below_n(rng, nr_topos)
    mask = 0
    if hunt == 1:
        # A swarm: operation kinds are switched off at random; allocs and frees stay.
        mask = below_n(rng, 1 << 30) & below_n(rng, 1 << 30)
    draw_choices(rng, kinds, limits, counts, mask, choices)
    if len(corpus) > 0 and below_n(rng, HALF) == 0:
        vary(rng, corpus, below_n(rng, len(corpus)), choices)
    return which


@compiled_entry
def draw_numbers_alone(
    rng: Rng, key: Any, case: int, nr_topos: int, hunt: int, tables: Any, corpus: Any, choices: Any
) -> Any:
    """`draw_numbers`, for callers that are not compiled."""
    return draw_numbers(rng, key, case, nr_topos, hunt, tables, corpus, choices)


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
    which = draw_numbers(rng, key, case, len(topos), hunt, tables, corpus, choices)
    decode(choices, topos[which], progs[0], kinds, values, counts, v)
    return which


@compiled
def note_case(topo: Topo, prog: Prog, st: State, place: int, row: Any) -> None:
    """What the case measured, as one row."""
    row[DONE] = st.probe_done
    row[PRECHARGE] = st.probe_precharge
    row[USED] = st.probe_used
    row[BOOKED] = st.probe_bytes
    row[AREA_BYTES] = st.probe_area_bytes
    row[MISPLACED] = st.probe_misplaced
    row[IN_FLIGHT] = st.in_flight_max
    row[PAGE_SIZE] = topo.page_size
    row[NODES] = topo.nr_nodes
    row[CPUS] = topo.nr_cpus
    row[PLACE] = place
    if st.probe_done != 0:
        row[NOWAIT] = 1 if prog.op_gfp[prog.probe_task, prog.probe_op] & GFP_NOBLOCK else 0


@compiled
def add_totals(st: State, status: int, totals: Any, hazards: Any) -> None:
    """Add a finished case to totals (TOTAL_NAMES; from AT_PROBE on PROBE_NAMES) and hazards 1 to 25."""
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
    topos: Any, progs: Any, states: Any, rngs: Any, scheds: Any, trails: Any, key: Any, cases: int, hunt: int,
    checks: int, tables: Any, corpus: Any, choices: Any, v: Any, rows: Any, totals: Any, hazards: Any, events: Any,
    cases_with: Any, last_case: Any,
) -> int:  # fmt: skip
    """Run every case of a batch; counts go into the arrays given. Returns the number of violation rows."""
    nr_events = 0
    st = states[0]
    for case in range(cases):
        which = draw_case(topos, progs, rngs[0], key, case, hunt, tables, corpus, choices, v)
        reset(topos[which], progs[0], st, False)
        if scheds[0].kind == URW:
            expect_steps(topos[which], progs[0], st, rngs[0], scheds[0], MOST_STEPS)
            reset(topos[which], progs[0], st, False)
        begin_trail(trails[0])
        status = run_case(topos[which], progs[0], st, rngs[0], scheds[0], trails[0], checks, MOST_STEPS)
        add_case(trails[0], st, case, cases_with, last_case)
        note_case(topos[which], progs[0], st, v[0], rows[case])
        add_totals(st, status, totals, hazards)
        nr_events = log_violations(st, case, events, nr_events)
    return nr_events


def histogram_of(values: Any) -> Histogram:
    """Number of times by value, values ascending."""
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True))


def sums_of(cells: Any, values: Any) -> Histogram:
    """The sum of the values in each cell, cells ascending."""
    found, place = np.unique(cells, return_inverse=True)
    sums = np.zeros(len(found), dtype=np.int64)
    np.add.at(sums, place, values)
    return dict(zip(found.tolist(), sums.tolist(), strict=True))


def histograms_of(rows: Any, stream: str) -> dict[str, Histogram]:
    """The distributions of a batch: of its charged probes, and of what each case had in flight at most.

    Of the hunting stream, which adds nothing to any estimate, only those that show what it does.
    """
    probes = rows[rows[:, DONE] == 1]
    waste = np.maximum(probes[:, PRECHARGE] - probes[:, USED], 0)
    found = {"waste_pages": histogram_of(waste), "in_flight_pages": histogram_of(rows[:, IN_FLIGHT])}
    if stream == HUNTING:
        return found
    size = binary_class(probes[:, AREA_BYTES])
    cells = probes[:, NODES] * SIZE_CELLS + size
    return (
        found
        | {name: histogram_of(values) for name, values in probe_values(probes, waste, size)}
        | {
            "cell_cases": histogram_of(cells),
            "cell_waste_pages": sums_of(cells, waste),
            "cell_waste_squares": sums_of(cells, waste * waste),
        }
    )


def probe_values(probes: Any, waste: Any, size: Any) -> Iterator[tuple[str, Any]]:
    """What the distributions of charged probes are of, one after the other: each is as long as the batch."""
    precharge, used = probes[:, PRECHARGE], probes[:, USED]
    reserved = precharge > 0
    rounding = used * probes[:, PAGE_SIZE] - probes[:, BOOKED]
    amiss = probes[:, MISPLACED] > 0
    yield "precharge_pages", precharge
    yield "share_percent", waste[reserved] * 100 // precharge[reserved]
    yield "rounding_bytes16", np.maximum(rounding, 0) * ROUNDING_PARTS // probes[:, PAGE_SIZE]
    yield PRECHARGE_USED, ((probes[:, NODES] * 2 + probes[:, NOWAIT]) * PAIR + precharge) * PAIR + used
    yield "misplaced_bytes", probes[:, MISPLACED]
    yield MISPLACED_WHERE, ((probes[:, PLACE] * SIZE_CELLS + size) * AMISS + probes[:, MISPLACED])[amiss]
    yield "waste_by_cpus", binary_class(probes[:, CPUS]) * PAIR + waste
    yield "waste_by_size", size * PAIR + waste
    yield "waste_by_page", binary_class(probes[:, PAGE_SIZE] // 4096) * PAIR + waste
    yield "waste_by_place", probes[:, PLACE] * PAIR + waste


def binary_class(values: Any) -> Any:
    """ceil(log2(value)), 0 for what is below 1."""
    return np.ceil(np.log2(np.maximum(values, 1))).astype(np.int64)


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
    stream: str, k: int, family: str, variant: str, cases: int, rows: Any, totals: Any, hazards: Any, events: Any
) -> Outcome:
    """The arrays of run_batch as plain data."""
    counts = {name: int(totals[i]) for i, name in enumerate(TOTAL_NAMES[4:], 4)}
    counts["stuck"], counts["overlong"] = int(totals[2]), int(totals[3])
    counts |= {f"probe.{name}": int(totals[AT_PROBE + i]) for i, name in enumerate(PROBE_NAMES)}
    counts |= {f"hazard.H{h}": int(hazards[h]) for h in range(1, 26)}
    counted, first = count_events(events, variant)
    named = histograms_of(rows, stream)
    return Outcome(stream, k, family, cases, int(totals[0]), int(totals[1]), named, counts, counted, first)
