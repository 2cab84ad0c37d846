"""`percpu-fuzz trace`."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.fuzz.commands.shared import charge_option, json_flag
from percpu_fuzz.fuzz.files import utf8, write_json, write_whole
from percpu_fuzz.fuzz.interrupts import taken_away
from percpu_fuzz.fuzz.options import path_option, variant_option
from percpu_fuzz.fuzz.output.folder import new_folder
from percpu_fuzz.fuzz.progress import WatchedFile, working
from percpu_fuzz.fuzz.recorded_words import placed_by_recording, traced_of
from percpu_fuzz.reports.figures.traced import traced_json
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.recorded.traced import traced_page
from percpu_fuzz.strategies.capture.archive import is_archive, run_of_archive
from percpu_fuzz.strategies.draw.calibration import find_calibration
from percpu_fuzz.strategies.fidelity.trace_replay import replay_trace
from percpu_fuzz.strategies.trace.recorded_run import OBSERVED, RecordedRun, beside

TRACE_FILES = ("trace.txt", "trace.html", "trace.json")


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """What was typed."""

    file: str
    topology: str | None = None
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
        words = ["percpu-fuzz", "trace", self.file]
        words += [] if self.topology is None else ["--topology", self.topology]
        words += ["--variant", self.variant]
        for option in fields(self)[3:7]:
            given = getattr(self, option.name)
            words += [] if given == option.default else [f"--{option.name}", given]
        return shell_line(words)


@click.command()
@click.argument("file")
@click.option(
    "--topology", help="The recorded machine: topology.json, or a name. [default: of an archive, the machine in it]"
)
@click.option(
    "--states", help="Snapshots of memory.stat to compare with: states.json, or what the snapshot script printed."
)
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
    if options.topology is None and not is_archive(Path(options.file)):
        raise InputError(
            "trace", "no --topology", "--topology FILE: topology.json, or any machine of `topology import`"
        )
    if not is_archive(Path(options.file)):
        return _traced(options, run_of(options))
    with taken_away(), run_of_archive(Path(options.file)) as folder:
        return _traced(options, run_of_folder(options, folder))


def run_of(options: TraceOptions) -> RecordedRun:
    """The run of a trace by itself, with what was named."""
    placement = beside(Path(options.file), "placement.json", options.placement)
    return RecordedRun(Path(options.file), options.topology, options.states, placement, options.charge)


def run_of_folder(options: TraceOptions, folder: Path) -> RecordedRun:
    """The run of an archive that is opened in a folder; what was named comes first."""
    found = RecordedRun.of_folder(folder, Path(options.file))
    return RecordedRun(
        found.trace, options.topology or found.topology_name, options.states or found.states_file,
        options.placement or found.placement_file, options.charge,
    )  # fmt: skip


def _traced(options: TraceOptions, run: RecordedRun) -> int:
    """Everything after the run is known; the exit status."""
    variant, calibration = (
        placed_by_recording(variant_option(options.variant), "trace"),
        find_calibration(options.calibration),
    )
    chain = None if calibration is None else calibration.chain
    run = run.load()
    if options.states is not None and not run.snapshots:
        raise InputError(options.states, "no snapshot", "at least one: nothing would be compared")
    out = None if options.out is None else path_option(options.out, "--out")
    with contextlib.nullcontext() if out is None else new_folder(out, "--out", TRACE_FILES):
        with working(f"loading the engine, then replaying {options.file} on {variant.name}"):
            found = replay_trace(run, variant, chain, lambda what: WatchedFile(run.trace, what))
            traced = replace(traced_of(run, variant, found, options.calibration, options.line), file=options.file)
            page, row = traced_page(traced), traced_json(traced) | {"input": asdict(found.counts)}
            text = page_text(page)
        if out is not None:
            write_whole(out / "trace.txt", utf8(text))
            write_whole(out / "trace.html", utf8(page_html(page)))
            write_json(out / "trace.json", row)
    print(text, end="")
    if options.as_json:
        print(json.dumps(row, sort_keys=True))
    return int(traced.rows_equal != traced.rows)
