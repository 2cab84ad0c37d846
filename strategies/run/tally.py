"""What is kept of the cases of a batch: a row of each, sums, violations, features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import GFP_NOBLOCK
from percpu_fuzz.engine.core.records import NR_HAZARDS, Prog, State, Topo
from percpu_fuzz.strategies.run.features import NR_FEATURES, Trail, add_case
from percpu_fuzz.strategies.run.walk import OVERLONG, STUCK

NR_INVARIANT = len(INVARIANT_NAMES)
PROBE_NAMES = ("none", "charged", "charge_failed", "first_chunk", "alloc_failed", "uncharged", "alloc_failed_uncharged")
TOTAL_NAMES = (
    "steps", "ended_early", "stuck", "overlong", "alloc", "free", "charged", "refunded", "charge_failed", "illegal",
    "alloc_ops", "free_ops", "waste_sum",
)  # fmt: skip
AT_EVENTS, AT_PROBE = 15, 16
NR_TOTALS = AT_PROBE + len(PROBE_NAMES)
# Columns of the row that each case leaves.
(
    COL_DONE, COL_PRECHARGE, COL_USED, COL_BOOKED, COL_AREA_BYTES, COL_MISPLACED, COL_IN_FLIGHT, COL_PAGE_SIZE,
    COL_NODES, COL_NOWAIT, COL_CPUS, COL_PLACE,
) = range(12)  # fmt: skip
NR_COLUMNS = 12


class BatchTally(NamedTuple):
    """The arrays of a batch, cleared; numbers of cases unless said otherwise.

    rows: (cases, NR_COLUMNS), what each case measured; a case is over once its page size is set. totals: TOTAL_NAMES,
    the rows of `events` in use, from AT_PROBE on PROBE_NAMES. hazards: how often each was passed. events: rows
    (case, invariant, label, hazards), one for each invariant that a case breaks. cases_with: cases with each feature,
    last_case: the last of them.
    """

    rows: Any
    totals: Any
    hazards: Any
    events: Any
    cases_with: Any
    last_case: Any


def new_tally(rows: Any) -> BatchTally:
    """A tally of as many cases as there are rows."""
    return BatchTally(
        rows, np.zeros(NR_TOTALS, dtype=np.int64), np.zeros(NR_HAZARDS, dtype=np.int64),
        np.zeros((len(rows) * NR_INVARIANT, 4), dtype=np.int32), np.zeros(NR_FEATURES, dtype=np.int32),
        np.zeros(NR_FEATURES, dtype=np.int32),
    )  # fmt: skip


@compiled
def count_case(
    tally: BatchTally, topo: Topo, prog: Prog, st: State, trail: Trail, place: int, case: int, status: int
) -> None:
    """Add a finished case. place: strategies.draw.choices.PLACE_*; status: what run_case returned."""
    add_case(trail, st, case, tally.cases_with, tally.last_case)
    note_case(topo, prog, st, place, tally.rows[case])
    add_totals(st, status, tally.totals, tally.hazards)
    log_violations(st, case, tally.events, tally.totals)


@compiled
def note_case(topo: Topo, prog: Prog, st: State, place: int, row: Any) -> None:
    """What the case measured, as one row."""
    row[COL_DONE] = st.probe_done
    row[COL_PRECHARGE] = st.probe_precharge
    row[COL_USED] = st.probe_used
    row[COL_BOOKED] = st.probe_bytes
    row[COL_AREA_BYTES] = st.probe_area_bytes
    row[COL_MISPLACED] = st.probe_misplaced
    row[COL_IN_FLIGHT] = st.in_flight_max
    row[COL_PAGE_SIZE] = topo.page_size
    row[COL_NODES] = topo.nr_nodes
    row[COL_CPUS] = topo.nr_cpus
    row[COL_PLACE] = place
    if st.probe_done != 0:
        row[COL_NOWAIT] = 1 if prog.op_gfp[prog.probe_task, prog.probe_op] & GFP_NOBLOCK else 0


@compiled
def add_totals(st: State, status: int, totals: Any, hazards: Any) -> None:
    """The sums over cases, and how often each hazard was passed."""
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
    for h in range(1, NR_HAZARDS):
        hazards[h] += st.hazard[h]


@compiled
def log_violations(st: State, case: int, events: Any, totals: Any) -> None:
    """A row for each invariant that the case broke."""
    for i in range(NR_INVARIANT):
        if st.violated[i] == 1:
            row = totals[AT_EVENTS]
            events[row, 0] = case
            events[row, 1] = i
            events[row, 2] = st.viol_label[i]
            events[row, 3] = st.viol_hazards[i]
            totals[AT_EVENTS] += 1
