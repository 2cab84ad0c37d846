"""`percpu-fuzz trace`."""

from __future__ import annotations

import contextlib
import json
import shlex
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import CHARGE_BYTES, CHARGE_NODES, Variant
from percpu_fuzz.fuzz.commands.shared import charge_option, json_flag
from percpu_fuzz.fuzz.files import nothing_left_if_refused, write_json, write_whole
from percpu_fuzz.fuzz.left_out import counts_words, left_out_lines
from percpu_fuzz.fuzz.options import out_option, variant_option
from percpu_fuzz.fuzz.progress import WatchedFile
from percpu_fuzz.reports.figures.traced import NodeCharges, Placed, Traced, traced_json
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.traced import traced_page
from percpu_fuzz.strategies.draw.calibration import find_calibration
from percpu_fuzz.strategies.fidelity.charge_tally import ALL_NODES
from percpu_fuzz.strategies.fidelity.replay import Replayed
from percpu_fuzz.strategies.fidelity.trace_replay import TraceReplay, replay_trace
from percpu_fuzz.strategies.trace.recorded_run import ACCOUNTED, ASSUMED_WORDS, OBSERVED, RecordedRun, beside

LOCAL_WORDS = "the model: every page on the first node of its CPU's zonelist"


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """What was typed."""

    file: str
    topology: str
    variant: str = "base"
    states: str | None = None
    placement: str | None = None
    charge: str = OBSERVED
    calibration: str = "recorded"
    out: str | None = None
    as_json: bool = False

    @property
    def line(self) -> str:
        """The command that repeats it."""
        words = ["percpu-fuzz", "trace", self.file, "--topology", self.topology, "--variant", self.variant]
        for option in fields(self)[3:7]:
            given = getattr(self, option.name)
            words += [] if given == option.default else [f"--{option.name}", given]
        return shlex.join(words)


@click.command()
@click.argument("file")
@click.option("--topology", required=True, help="The recorded machine: topology.json, or a name.")
@click.option("--states", help="Snapshots of memory.stat to compare with (states.json).")
@click.option(
    "--placement",
    help="Nodes of the backing pages. [default: placement.json beside the trace, else page events in it, else a model]",
)
@click.option("--variant", default="base", show_default=True, help="Accounting to run the workload through.")
@charge_option
@click.option(
    "--calibration",
    default="recorded",
    show_default=True,
    help="Where nobody says where pages were: how they fall back, by a calibration's name or file.",
)
@click.option("--out", help="Write trace.txt, trace.html and trace.json to this folder, new or empty.")
@json_flag
def trace_command(**given: Any) -> int:
    """Replay the workload through the variant, print its figures, compare memory.stat; 1 if a row differs, by lag or
    not.
    """
    options = TraceOptions(**given)
    variant, calibration = variant_option(options.variant), find_calibration(options.calibration)
    chain = None if calibration is None else calibration.chain
    placement = beside(Path(options.file), "placement.json", options.placement)
    run = RecordedRun(Path(options.file), options.topology, options.states, placement, options.charge).load()
    if options.states is not None and not run.snapshots:
        raise InputError(options.states, "no snapshot", "at least one: nothing would be compared")
    out = None if options.out is None else Path(options.out)
    with contextlib.nullcontext() if out is None else nothing_left_if_refused(out):
        if out is not None:
            out = out_option(options.out, "")
        found = replay_trace(run, variant, chain, lambda what: WatchedFile(run.trace, what))
        traced = traced_of(options, run, variant, found, chain is not None)
        page, row = traced_page(traced), traced_json(traced) | {"input": asdict(found.counts)}
        text = page_text(page)
        if out is not None:
            write_whole(out / "trace.txt", text.encode("ascii"))
            write_whole(out / "trace.html", page_html(page).encode("ascii"))
            write_json(out / "trace.json", row)
    print(text, end="")
    if options.as_json:
        print(json.dumps(row, sort_keys=True))
    return int(traced.rows_equal != traced.rows)


def placed_of(name: str, replayed: Replayed) -> Placed:
    """The counts of a replay as the reports take them."""
    tally = replayed.tally
    nodes = tuple(
        NodeCharges(None if n.node == ALL_NODES else n.node, n.pages_most, n.pages_end, n.bytes_most, n.bytes_end)
        for n in tally.nodes
    )
    return Placed(name, tally.pairs, tally.failed, tally.misplaced, tally.booked_bytes, nodes)


def traced_of(options: TraceOptions, run: RecordedRun, variant: Variant, found: TraceReplay, has_chain: bool) -> Traced:
    """Everything that the report says."""
    replayed, modelled = found.replayed, found.placed is None
    return Traced(
        file=options.file,
        variant=variant.name,
        topology=run.topology.name,
        page_bytes=run.topology.page_size,
        placed=LOCAL_WORDS if found.placed is None else found.placed,
        charge=options.charge,
        command=options.line,
        precharges=variant.charge != CHARGE_BYTES,
        by_node=variant.charge >= CHARGE_NODES,
        modelled=modelled,
        main=placed_of("local" if modelled else "recorded", replayed),
        others=tuple(placed_of(f"fallback {seed}", other) for seed, other in enumerate(found.others)),
        read=f"{counts_words(found.counts)}; {found.cpus}",
        rows=len(replayed.rows),
        rows_equal=replayed.rows_equal,
        rows_lagging=replayed.rows_lagging,
        worst_difference_bytes=replayed.worst_difference_bytes,
        broken=replayed.broken,
        notes=notes_of(options, modelled, len(found.others), has_chain),
        left_out=found.left_out,
        left_out_words=tuple(left_out_lines(found.left_out)),
    )


def notes_of(options: TraceOptions, modelled: bool, others: int, has_chain: bool) -> tuple[str, ...]:
    """What was taken as charged, and what the range of a modelled placement rests on."""
    notes = [f"Charged is what was {options.charge}" + (f" ({ASSUMED_WORDS})." if options.charge == ACCOUNTED else ".")]
    if others:
        notes.append(f"Further placements: {others} draws of fallback in runs, as calibration {options.calibration}.")
    elif modelled and not has_chain:
        notes.append(f"Calibration {options.calibration} knows of no fallback: one placement, and no range.")
    elif modelled:
        notes.append("Further placements need a file that can be read twice: one placement, and no range.")
    return tuple(notes)
