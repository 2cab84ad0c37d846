"""What is kept of the cases of a batch: a row of each, sums, violations, features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Vec, dtype_of, i32, i64
from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import GFP_NOBLOCK
from percpu_fuzz.engine.core.records import NR_HAZARDS, Prog, Record, State, Topo
from percpu_fuzz.engine.outcome import PARTS
from percpu_fuzz.strategies.draw.choices import NR_OPS, NR_TASKS
from percpu_fuzz.strategies.draw.decode import is_accounted
from percpu_fuzz.strategies.run.features import NR_FEATURES, Trail, add_case
from percpu_fuzz.strategies.run.walk import OVERLONG, STUCK

NR_INVARIANT = len(INVARIANT_NAMES)
PROBE_NAMES = ("none", "charged", "charge_failed", "first_chunk", "alloc_failed", "uncharged", "alloc_failed_uncharged")


class CaseRow:
    """What a case measured: its probe, and the machine that it ran on. Over once its page size is set."""

    done: int = i64()  # the probe's end, as PROBE_NAMES
    precharge: int = i64()  # pages
    used: int = i64()  # pages
    booked: int = i64()  # bytes
    area_bytes: int = i64()
    misplaced: int = i64()  # bytes
    in_flight: int = i64()  # pages at most, of all allocations at a time
    page_size: int = i64()
    nodes: int = i64()
    cpus: int = i64()
    nowait: int = i64()  # 1: the probe may not sleep
    place: int = i64()  # strategies.draw.choices.PLACE_*


class Sums:
    """Sums over the cases of a batch; numbers of cases unless said otherwise."""

    steps: int = i64()  # steps
    ended_early: int = i64()
    stuck: int = i64()
    overlong: int = i64()
    alloc: int = i64()  # areas allocated, and so on down to `illegal`
    free: int = i64()
    charged: int = i64()
    refunded: int = i64()
    charge_failed: int = i64()
    illegal: int = i64()
    alloc_ops: int = i64()  # memcg operations
    free_ops: int = i64()
    waste_sum: int = i64()  # pages, of every charged allocation
    nr_events: int = i64()  # rows of events in use
    nr_allocs: int = i64()  # rows of allocs in use
    probe: Vec = i64("probes")  # by the probe's end
    hazard: Vec = i64("hazards")  # how often each was passed; index 0 unused


class AllocRow:
    """A charged allocation of a case, and how many of the case's PARTS it holds (engine.outcome)."""

    case: int = i32()
    parts: int = i32()
    precharge: int = i32()  # pages
    used: int = i32()  # pages


ROW = dtype_of(CaseRow, {})
ALLOC = dtype_of(AllocRow, {})
SUMS = dtype_of(Sums, {"probes": len(PROBE_NAMES), "hazards": NR_HAZARDS})


class BatchTally(NamedTuple):
    """The arrays of a batch. rows: CaseRow of each case. sums: one record.

    events: rows (case, invariant, label, hazards), one for each invariant that a case breaks. cases_with: cases with
    each feature, last_case: the last of them. allocs: an AllocRow for each charged allocation of a program; of a
    batch that adds to no estimate there are none.
    """

    rows: Any
    sums: Any
    events: Any
    allocs: Any
    cases_with: Any
    last_case: Any


def new_rows(cases: int) -> Record:
    """A cleared row for each case."""
    return np.zeros(cases, dtype=ROW)


def new_tally(rows: Record, measures: bool = True) -> BatchTally:
    """A cleared tally of as many cases as there are rows. measures: whether it keeps every charged allocation."""
    events = np.zeros((len(rows) * NR_INVARIANT, 4), dtype=np.int32)
    features = np.zeros((2, NR_FEATURES), dtype=np.int32)
    allocs = np.zeros(len(rows) * NR_TASKS * NR_OPS if measures else 0, dtype=ALLOC)
    return BatchTally(rows, np.zeros(1, dtype=SUMS), events, allocs, features[0], features[1])


def plain_tally(tally: BatchTally) -> BatchTally:
    """The same arrays, as functions that are not compiled read and write them."""
    rows, sums, allocs = (array.view(np.recarray) for array in (tally.rows, tally.sums, tally.allocs))
    return tally._replace(rows=rows, sums=sums, allocs=allocs)


@compiled
def count_case(
    tally: BatchTally, topo: Topo, prog: Prog, st: State, trail: Trail, place: int, case: int, status: int
) -> None:
    """Add a finished case. place: strategies.draw.choices.PLACE_*; status: what run_case returned."""
    add_case(trail, st, case, tally.cases_with, tally.last_case)
    note_case(topo, prog, st, place, tally.rows[case])
    add_sums(st, status, tally.sums[0])
    if len(tally.allocs) > 0:
        note_allocs(prog, st, case, tally.allocs, tally.sums[0])
    log_violations(st, case, tally.events, tally.sums[0])


@compiled
def note_case(topo: Topo, prog: Prog, st: State, place: int, row: CaseRow) -> None:
    """What the case measured."""
    row.done = st.probe_done
    row.precharge = st.probe_precharge
    row.used = st.probe_used
    row.booked = st.probe_bytes
    row.area_bytes = st.probe_area_bytes
    row.misplaced = st.probe_misplaced
    row.in_flight = st.in_flight_max
    row.nodes = topo.nr_nodes
    row.cpus = topo.nr_cpus
    row.place = place
    if st.probe_done != 0:
        row.nowait = 1 if prog.op_gfp[prog.probe_task, prog.probe_op] & GFP_NOBLOCK else 0
    row.page_size = topo.page_size


@compiled
def nr_accounted(prog: Prog) -> int:
    """How many percpu allocations of a program ask to be accounted."""
    asking = 0
    for t in range(prog.nr_tasks):
        for i in range(prog.nr_ops[t]):
            asking += is_accounted(prog, t, i)
    return asking


@compiled
def note_allocs(prog: Prog, st: State, case: int, allocs: Any, sums: Sums) -> None:
    """A row for each charged allocation, with as many parts as picks of PARTS that decode.mark_probe gives to it."""
    asking, place = nr_accounted(prog), 0
    for t in range(prog.nr_tasks):
        for i in range(prog.nr_ops[t]):
            if not is_accounted(prog, t, i):
                continue
            if st.op_used[t, i] >= 0:
                row = allocs[sums.nr_allocs]
                row.case = case
                row.parts = PARTS // asking + (1 if place < PARTS % asking else 0)
                row.precharge = st.op_precharge[t, i]
                row.used = st.op_used[t, i]
                sums.nr_allocs += 1
            place += 1


@compiled
def add_sums(st: State, status: int, sums: Sums) -> None:
    """The sums over cases."""
    sums.steps += st.nr_steps
    sums.ended_early += st.fatal
    sums.stuck += 1 if status == STUCK else 0
    sums.overlong += 1 if status == OVERLONG else 0
    sums.alloc += st.nr_alloc
    sums.free += st.nr_free
    sums.charged += st.nr_charged
    sums.refunded += st.nr_refunded
    sums.charge_failed += st.nr_charge_fail
    sums.illegal += st.nr_illegal
    sums.alloc_ops += st.alloc_ops
    sums.free_ops += st.free_ops
    sums.waste_sum += st.waste_pages
    sums.probe[st.probe_done] += 1
    for h in range(1, NR_HAZARDS):
        sums.hazard[h] += st.hazard[h]


@compiled
def log_violations(st: State, case: int, events: Any, sums: Sums) -> None:
    """A row for each invariant that the case broke."""
    for i in range(NR_INVARIANT):
        if st.violated[i] == 1:
            row = sums.nr_events
            events[row, 0] = case
            events[row, 1] = i
            events[row, 2] = st.viol_label[i]
            events[row, 3] = st.viol_hazards[i]
            sums.nr_events += 1
