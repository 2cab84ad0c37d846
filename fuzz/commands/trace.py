"""`percpu-fuzz trace`."""

from __future__ import annotations

import contextlib
import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import CHARGE_BYTES, CHARGE_NODES, Variant
from percpu_fuzz.fuzz.files import nothing_left_if_refused, write_json, write_whole
from percpu_fuzz.fuzz.left_out import counts_words, left_out_lines
from percpu_fuzz.fuzz.options import out_option, variant_option
from percpu_fuzz.fuzz.progress import WatchedFile
from percpu_fuzz.reports.figures.traced import NodeRow, Placed, Traced, traced_json
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.traced import traced_page
from percpu_fuzz.strategies.draw.calibration import find_calibration
from percpu_fuzz.strategies.fidelity.fidelity import check_compared
from percpu_fuzz.strategies.fidelity.replay import Replayed, replay_side_by_side, replay_workload
from percpu_fuzz.strategies.fidelity.tally import ALL_NODES
from percpu_fuzz.strategies.trace.pages.placing import Pressure, in_runs
from percpu_fuzz.strategies.trace.recorded_run import ACCOUNTED, ASSUMED_WORDS, OBSERVED, RecordedRun, beside
from percpu_fuzz.strategies.trace.trace_stream import TraceStream
from percpu_fuzz.strategies.trace.tracefs import Counts

LOCAL_WORDS = "the model: every page on the first node of its CPU's zonelist"
CHAINS = 5  # placements with fallback that are tried
RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """What was typed."""

    file: str
    topology: str
    states: str | None = None
    placement: str | None = None
    variant: str = "base"
    charge: str = OBSERVED
    calibration: str = RECORDED
    out: str | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """What one pass over the trace left. placed: who says where pages lie; None: nobody."""

    run: RecordedRun
    counts: Counts
    cpus: str
    placed: str | None
    replayed: Replayed
    left_out: dict[str, int]


def trace_command(options: TraceOptions) -> int:
    """Replay the workload through the variant, print its figures, compare memory.stat; 1 if a row differs, by lag or
    not.
    """
    variant = variant_option(options.variant)
    pressure = pressure_of(options.calibration)
    file = Path(options.file)
    placement = beside(file, "placement.json", options.placement)
    run = RecordedRun(file, options.topology, options.states, placement, options.charge).load()
    if options.states is not None and not run.snapshots:
        raise InputError(options.states, "no snapshot", "at least one: nothing would be compared")
    out = None if options.out is None else Path(options.out)
    with contextlib.nullcontext() if out is None else nothing_left_if_refused(out):
        if out is not None:
            out = out_option(options.out, "")
        traced, counts = traced_through(options, run, variant, pressure)
        page, row = traced_page(traced), traced_json(traced) | {"input": asdict(counts)}
        text = page_text(page)
        if out is not None:
            write_whole(out / "trace.txt", text.encode("ascii"))
            write_whole(out / "trace.html", page_html(page).encode("ascii"))
            write_json(out / "trace.json", row)
    print(text, end="")
    if options.as_json:
        print(json.dumps(row, sort_keys=True))
    return int(traced.rows_equal != traced.rows)


def traced_through(
    options: TraceOptions, run: RecordedRun, variant: Variant, pressure: Pressure | None
) -> tuple[Traced, Counts]:
    """All figures, and what was read: from one pass over the trace and, where the placement is a model, a second."""
    passed = first_pass(run, variant)
    if options.states is not None:
        check_compared(passed.replayed, len(run.snapshots), options.states)
    others: tuple[Placed, ...] = ()
    if passed.placed is None and pressure is not None and run.trace.is_file():
        others = bracket(passed, variant, pressure)
    return traced_of(options, variant, passed, others, pressure is not None), passed.counts


def first_pass(run: RecordedRun, variant: Variant) -> Passed:
    """The trace from its bytes through the variant, as it comes; a pipe too."""
    with WatchedFile(run.trace, "trace") as source:
        trace = run.stream(source)
        pages, where = run.pages_in_time(trace), run.placement_file or "placement"
        replayed = replay_workload(trace, run.topology, variant, run.placement, run.snapshots, where, pages)
    left_out = trace.left_out | replayed.left_out | (pages.left_out if pages is not None else {})
    return Passed(run, trace.counts, trace.cpus, run.placed_words(trace), replayed, left_out)


def pressure_of(text: str) -> Pressure | None:
    """How pages fall back where the trace does not say; None for a calibration that knows of no page."""
    found = find_calibration(text)
    chain = None if found is None else found.chain
    return None if chain is None else Pressure(chain.steps, chain.switches, chain.pairs)


def bracket(passed: Passed, variant: Variant, pressure: Pressure) -> tuple[Placed, ...]:
    """The workload again, with fallback in runs at a recorded rate: several draws side by side in a second pass."""
    run, topology = passed.run, passed.run.topology
    fillers = [in_runs(topology, pressure, seed) for seed in range(CHAINS)]
    with WatchedFile(run.trace, "trace, further placements") as source:
        trace = TraceStream(source, str(run.trace), topology, by_flag=run.charge == ACCOUNTED)
        found = replay_side_by_side(trace.operations, topology, variant, fillers)
    if trace.counts.lines != passed.counts.lines:
        given = f"{passed.counts.lines} lines, then {trace.counts.lines}"
        raise InputError(str(run.trace), given, "a trace that does not change while it is read")
    return tuple(placed_of(f"fallback {seed}", replayed) for seed, replayed in enumerate(found))


def placed_of(name: str, replayed: Replayed) -> Placed:
    """The counts of a replay as the reports take them."""
    tally = replayed.tally
    nodes = tuple(
        NodeRow(None if n.node == ALL_NODES else n.node, n.pages_most, n.pages_end, n.bytes_most, n.bytes_end)
        for n in tally.nodes
    )
    return Placed(name, tally.pairs, tally.failed, tally.misplaced, tally.booked_bytes, nodes)


def traced_of(
    options: TraceOptions, variant: Variant, passed: Passed, others: tuple[Placed, ...], has_pressure: bool
) -> Traced:
    """Everything that the report says."""
    replayed, modelled = passed.replayed, passed.placed is None
    return Traced(
        file=options.file,
        variant=variant.name,
        topology=passed.run.topology.name,
        page_bytes=passed.run.topology.page_size,
        placed=LOCAL_WORDS if passed.placed is None else passed.placed,
        charge=options.charge,
        command=command_of(options),
        precharges=variant.charge != CHARGE_BYTES,
        by_node=variant.charge >= CHARGE_NODES,
        modelled=modelled,
        main=placed_of("local" if modelled else "recorded", replayed),
        others=others,
        read=f"{counts_words(passed.counts)}; {passed.cpus}",
        rows=len(replayed.rows),
        rows_equal=replayed.rows_equal,
        rows_lagging=replayed.rows_lagging,
        worst_difference_bytes=replayed.worst_difference_bytes,
        broken=replayed.broken,
        notes=notes_of(options, modelled, len(others), has_pressure),
        left_out=passed.left_out,
        left_out_words=tuple(left_out_lines(passed.left_out)),
    )


def notes_of(options: TraceOptions, modelled: bool, others: int, has_pressure: bool) -> tuple[str, ...]:
    """What was taken as charged, and what the range of a modelled placement rests on."""
    notes = [f"Charged is what was {options.charge}" + (f" ({ASSUMED_WORDS})." if options.charge == ACCOUNTED else ".")]
    if others:
        notes.append(f"Further placements: {others} draws of fallback in runs, as calibration {options.calibration}.")
    elif modelled and not has_pressure:
        notes.append(f"Calibration {options.calibration} knows of no fallback: one placement, and no range.")
    elif modelled:
        notes.append("Further placements need a file that can be read twice: one placement, and no range.")
    return tuple(notes)


def command_of(options: TraceOptions) -> str:
    """The line that repeats it."""
    words = ["percpu-fuzz", "trace", options.file, "--topology", options.topology, "--variant", options.variant]
    given: dict[str, Any] = {
        "--states": options.states, "--placement": options.placement,
        "--charge": None if options.charge == OBSERVED else options.charge,
        "--calibration": None if options.calibration == RECORDED else options.calibration,
    }  # fmt: skip
    for name, text in given.items():
        if text is not None:
            words += [name, str(text)]
    return shlex.join(words)
