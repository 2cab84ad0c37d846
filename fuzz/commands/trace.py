"""`percpu-fuzz trace`."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from typing import Any

from engine.errors import InputError
from engine.topology import Topology
from engine.variant import CHARGE_BYTES, CHARGE_NODES, Variant
from fuzz.files import write_json, write_whole
from fuzz.options import out_option, variant_option
from fuzz.recorded_input import ACCOUNTED, ASSUMED_WORDS, OBSERVED, RecordedInput, read_recorded
from reports.html import page_html
from reports.page_text import page_text
from reports.sections.traced import traced_page
from reports.traced import NodeRow, Placed, Traced, traced_json
from strategies.calibration import find_calibration
from strategies.recorded.placing import Pressure, in_runs
from strategies.recorded.replay import Replayed, replay_workload
from strategies.recorded.tally import ALL_NODES
from strategies.recorded.tracefs import Counts

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


def trace_command(options: TraceOptions) -> int:
    """Replay the workload through the variant, print its figures, compare memory.stat; 1 if a row differs."""
    variant = variant_option(options.variant)
    pressure = pressure_of(options.calibration)
    read = read_recorded(options.file, options.topology, options.placement, options.states, options.charge)
    assert read.topology is not None
    if options.states is not None and not read.snapshots:
        raise InputError(options.states, "no snapshot", "at least one: nothing would be compared")
    out = None if options.out is None else out_option(options.out, options.out)
    replayed = replay_workload(read.workload, read.topology, variant, read.placement, read.snapshots)
    main = placed_of("recorded" if read.placement else "local", replayed)
    others = () if read.placement is not None else bracket(read, read.topology, variant, pressure)
    traced = traced_of(options, variant, read, replayed, main, others)
    page, row = traced_page(traced), traced_json(traced) | {"input": asdict(read.counts)}
    text = page_text(page)
    print(text, end="")
    if out is not None:
        write_whole(out / "trace.txt", text.encode("ascii"))
        write_whole(out / "trace.html", page_html(page).encode("ascii"))
        write_json(out / "trace.json", row)
    if options.as_json:
        print(json.dumps(row, sort_keys=True))
    return int(replayed.rows_equal != len(replayed.rows))


def pressure_of(text: str) -> Pressure | None:
    """How pages fall back where the trace does not say; None for a calibration that knows of no page."""
    found = find_calibration(text)
    chain = None if found is None else found.chain
    return None if chain is None else Pressure(chain.steps, chain.switches, chain.pairs)


def bracket(read: RecordedInput, topology: Topology, variant: Variant, pressure: Pressure | None) -> tuple[Placed, ...]:
    """The workload with fallback in runs at a recorded rate, under several draws; nothing without a rate."""
    if pressure is None:
        return ()
    return tuple(
        placed_of(
            f"fallback {seed}",
            replay_workload(read.workload, topology, variant, filler=in_runs(topology, pressure, seed)),
        )
        for seed in range(CHAINS)
    )


def placed_of(name: str, replayed: Replayed) -> Placed:
    """The counts of a replay as the reports take them."""
    tally = replayed.tally
    nodes = tuple(
        NodeRow(None if n.node == ALL_NODES else n.node, n.pages_most, n.pages_end, n.bytes_most, n.bytes_end)
        for n in tally.nodes
    )
    return Placed(name, tally.pairs, tally.failed, tally.misplaced, tally.booked_bytes, nodes)


def traced_of(
    options: TraceOptions, variant: Variant, read: RecordedInput, replayed: Replayed, main: Placed,
    others: tuple[Placed, ...],
) -> Traced:  # fmt: skip
    """Everything that the report says."""
    assert read.topology is not None
    notes = [f"Charged is what was {read.charge}" + (f" ({ASSUMED_WORDS})." if read.charge == ACCOUNTED else ".")]
    if others:
        notes.append(
            f"Further placements: {len(others)} draws of fallback in runs, as calibration {options.calibration}."
        )
    elif read.placement is None:
        notes.append(f"Calibration {options.calibration} knows of no fallback: one placement, and no range.")
    return Traced(
        file=options.file,
        variant=variant.name,
        topology=read.topology.name,
        page_bytes=read.topology.page_size,
        placed=LOCAL_WORDS if read.placed is None else read.placed,
        charge=read.charge,
        command=command_of(options),
        precharges=variant.charge != CHARGE_BYTES,
        by_node=variant.charge >= CHARGE_NODES,
        modelled=read.placement is None,
        main=main,
        others=others,
        read=counts_words(read.counts),
        rows=len(replayed.rows),
        rows_equal=replayed.rows_equal,
        worst_difference_bytes=replayed.worst_difference_bytes,
        broken=replayed.broken,
        notes=tuple(notes),
    )


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


def counts_words(counts: Counts) -> str:
    """What was read, and everything that was not: nothing is left out in silence."""
    words = [f"{counts.events} events in {counts.lines} lines"]
    if counts.unparsed:
        words.append(f"{counts.unparsed} lines not understood")
    if counts.lost_gaps:
        words.append(f"{counts.lost_events or 'an unknown number of'} events lost in {counts.lost_gaps} gaps")
    if counts.truncated:
        words.append("the last line is cut off")
    return ", ".join(words)
