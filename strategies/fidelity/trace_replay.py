"""A recorded trace through a variant, read as it comes: figures of one pass, and of a second where pages are modelled.

Where nobody says where pages lay, they lie on the nearest node in the first pass; the second has draws of fallback in
runs, at the rate of a calibration, side by side.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.draw.calibration import Chain
from percpu_fuzz.strategies.fidelity.replay import Replayed, check_compared, replay_side_by_side, replay_workload
from percpu_fuzz.strategies.trace.pages.placement_model import in_runs
from percpu_fuzz.strategies.trace.recorded_run import ACCOUNTED, RecordedRun
from percpu_fuzz.strategies.trace.trace_stream import TraceStream
from percpu_fuzz.strategies.trace.tracefs import LineCounts

DRAWS = 5  # placements with fallback that are tried
Opened = Callable[[str], io.RawIOBase]
"""Opens the trace at its start; the text says what it is read for."""


@dataclass(frozen=True, slots=True)
class TraceReplay:
    """placed: who says where pages lie, in words; None: nobody, and others has the replays under drawn placements.

    has_chain: whether it was known how to draw any. says_no_flags: no allocation of the trace names gfp flags, so that
    none can be told to be accounted.
    """

    counts: LineCounts
    cpus: str
    placed: str | None
    replayed: Replayed
    others: list[Replayed]
    left_out: dict[str, int]
    has_chain: bool
    says_no_flags: bool


def replay_trace(run: RecordedRun, variant: Variant, chain: Chain | None, opened: Opened) -> TraceReplay:
    """The trace through the variant; a pipe too, though once only. chain: how pages fall back; None: nothing is drawn.

    InputError if snapshots were given and no row could be compared.
    """
    with opened("trace") as source:
        trace = run.stream(source)
        pages, where = run.pages_in_time(trace), run.placement_file or "placement"
        replayed = replay_workload(trace, run.topology, variant, run.placement, run.snapshots, where, pages)
    if run.states_file is not None:
        check_compared(replayed, len(run.snapshots), run.states_file)
    left_out = trace.left_out | replayed.left_out
    if trace.pages is not None and pages is not None:
        left_out |= {"populates_untold": trace.pages.unplaced, "populates_known_late": pages.late}
    placed = run.placed_words(trace)
    others = []
    if placed is None and chain is not None and run.trace.is_file():
        others = replay_draws(run, variant, chain, opened, trace.counts.lines)
    return TraceReplay(
        trace.counts, trace.cpus, placed, replayed, others, left_out, chain is not None, trace.says_no_flags
    )


def replay_draws(run: RecordedRun, variant: Variant, chain: Chain, opened: Opened, lines: int) -> list[Replayed]:
    """The workload again, with several draws of fallback. lines: what the trace had, which it must have still."""
    fillers = [in_runs(run.topology, chain, seed) for seed in range(DRAWS)]
    with opened("trace, further placements") as source:
        trace = TraceStream(source, str(run.trace), run.topology, by_flag=run.charge == ACCOUNTED)
        found = replay_side_by_side(trace.operations, run.topology, variant, fillers)
    if trace.counts.lines != lines:
        given = f"{lines} lines, then {trace.counts.lines}"
        raise InputError(str(run.trace), given, "a trace that does not change while it is read")
    return found
