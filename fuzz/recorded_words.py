"""What recorded data gave, in the words and figures that reports take; what could not be used is said, never silent."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.own.file import own_code
from percpu_fuzz.engine.variant import CHARGE_BYTES, CHARGE_NODES, Variant
from percpu_fuzz.reports.figures.traced import Traced
from percpu_fuzz.strategies.fidelity.replay import REPLAY_LEFT_OUT
from percpu_fuzz.strategies.fidelity.trace_replay import TraceReplay
from percpu_fuzz.strategies.trace.pages.pages_in_time import PAGES_LEFT_OUT
from percpu_fuzz.strategies.trace.recorded_run import ACCOUNTED, ASSUMED_WORDS, RecordedRun
from percpu_fuzz.strategies.trace.trace_stream import TRACE_LEFT_OUT
from percpu_fuzz.strategies.trace.tracefs import LineCounts

LOCAL_WORDS = "the model: every page on the first node of its CPU's zonelist"
LEFT_OUT_WORDS = TRACE_LEFT_OUT | PAGES_LEFT_OUT | REPLAY_LEFT_OUT

PLACING = "percpu_fuzz.engine.kernel.placement"


def counts_words(counts: LineCounts) -> str:
    """What was read, and what was not understood."""
    words = [f"{counts.events} events in {counts.lines} lines"]
    if counts.unparsed:
        words.append(f"{counts.unparsed} lines not understood")
    if counts.lost_gaps:
        words.append(f"{counts.lost_events or 'an unknown number of'} events lost in {counts.lost_gaps} gaps")
    if counts.truncated:
        words.append("the last line is cut off")
    return ", ".join(words)


def left_out_lines(left_out: Mapping[str, int]) -> list[str]:
    """A line for each kind of which there is any."""
    return [f"left out: {left_out[name]} {words}" for name, words in LEFT_OUT_WORDS.items() if left_out.get(name)]


def traced_of(run: RecordedRun, variant: Variant, found: TraceReplay, calibration: str, command: str) -> Traced:
    """Everything that the report of a trace says. calibration: where fallback was taken from; command: repeats it."""
    replayed, topology = found.replayed, run.topology
    return Traced(
        file=str(run.trace),
        variant=variant.name,
        topology=topology.name,
        page_bytes=topology.page_size,
        placed=LOCAL_WORDS if found.placed is None else found.placed,
        charge=run.charge,
        command=command,
        precharges=variant.charge != CHARGE_BYTES,
        by_node=variant.charge >= CHARGE_NODES,
        modelled=found.placed is None,
        main=replayed.tally,
        others=tuple(other.tally for other in found.others),
        read=f"{counts_words(found.counts)}; {found.cpus}",
        rows=len(replayed.rows),
        rows_equal=replayed.rows_equal,
        rows_lagging=replayed.rows_lagging,
        worst_difference_bytes=replayed.worst_difference_bytes,
        broken=replayed.broken,
        notes=(*notes_of(run.charge, found, calibration), *machine_notes(run)),
        left_out=found.left_out,
        left_out_words=tuple(left_out_lines(found.left_out)),
        says_no_flags=found.says_no_flags,
    )


def machine_notes(run: RecordedRun) -> tuple[str, ...]:
    """What had to be assumed of the recorded machine, a sentence each."""
    return () if run.machine is None else tuple(f"Machine: {note}." for note in run.machine.notes)


def notes_of(charge: str, found: TraceReplay, calibration: str) -> tuple[str, ...]:
    """What was taken as charged, and what the range of a modelled placement rests on."""
    charged = f"Charged is what was {charge}" + (f" ({ASSUMED_WORDS})." if charge == ACCOUNTED else ".")
    if found.placed is not None:
        return (charged,)
    if found.others:
        return (
            charged,
            f"Further placements: {len(found.others)} draws of fallback in runs, as calibration {calibration}.",
        )
    if not found.has_chain:
        return (charged, f"Calibration {calibration} knows of no fallback: one placement, and no range.")
    return (charged, "Further placements need a file that can be read twice: one placement, and no range.")


def placed_by_recording(variant: Variant, where: str) -> Variant:
    """A variant for pages that a recording places. InputError where its file replaces a step that places pages."""
    if variant.own is not None:
        for function in own_code(variant.own).replaced:
            if function.__module__ == PLACING:
                given = f"{variant.name} replaces {function.__name__}"
                raise InputError(where, given, "steps that place no pages: here a recording says where they lie")
    return variant
