"""`percpu-fuzz calibrate`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.commands.shared import charge_option, json_flag
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.progress import WatchedFile, working
from percpu_fuzz.fuzz.recorded_words import counts_words, left_out_lines, machine_notes
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.recorded.calibration import calibration_page
from percpu_fuzz.strategies.calibrate.calibrate import RunCounts, calibrate, count_halves, count_run
from percpu_fuzz.strategies.draw.calibration import CALIBRATION_NAME, TABLES, check_calibration, dump_calibration
from percpu_fuzz.strategies.trace.recorded_run import ACCOUNTED, ASSUMED_WORDS, RecordedRun


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--topology", help="The recorded machine. [default: topology.json beside each trace]")
@charge_option
@click.option("--name", default="mine", show_default=True, help="What the calibration calls itself.")
@click.option("-o", "--output", help="Write the calibration here, for --calibration of run and trace.")
@json_flag
def calibrate_command(
    files: tuple[str, ...], topology: str | None, charge: str, name: str, output: str | None, as_json: bool
) -> int:
    """Fit the measurement stream's tables to recorded traces, print how well they fit, write them."""
    if not CALIBRATION_NAME.fullmatch(name):
        raise InputError("--name", repr(name[:80]), "letters, digits, '.', '_' and '-'")
    refuse_twice(files)
    runs: dict[str, RunCounts] = {}
    said: list[str] = []
    halves = None
    for file in files:
        run = RecordedRun.of(file, topology, charge=charge)
        with working(f"reading {file}"), WatchedFile(run.trace, "trace") as source:
            read = run.read(source)
        key = run_name(run.name, file, runs)
        placed = run.placed_words(read.stream) or "not known"
        said.append(f"{file}: {counts_words(read.stream.counts)}; placement: {placed}")
        said += [*left_out_lines(read.stream.left_out), *machine_notes(run)]
        runs[key] = count_run(key, read, run.snapshots)
        halves = count_halves(read) if len(files) == 1 else None
    said += [ASSUMED_WORDS] if charge == ACCOUNTED else []
    with working("fitting the tables"):
        found = check_calibration(calibrate(name, runs, halves), name)
    row = msgspec.to_builtins(found)
    print(page_text(calibration_page(row, found.digest, TABLES, said)), end="")
    if output is not None:
        write_output(Path(output), dump_calibration(found), "-o")
    if as_json:
        print(json.dumps(row, sort_keys=True))
    return 0


def refuse_twice(files: tuple[str, ...]) -> None:
    """InputError for a trace that is given again, under whatever path: its allocations would count twice."""
    seen: set[Path] = set()
    for file in files:
        if Path(file).resolve() in seen:
            raise InputError(file, "the same trace twice", "each trace once")
        seen.add(Path(file).resolve())


def run_name(folder: str, file: str, runs: dict[str, RunCounts]) -> str:
    """The name of the run's folder; that of the file where it is taken."""
    if folder and folder not in runs:
        return folder
    name = Path(file).name
    if name in runs:
        raise InputError(file, f"a third run called {name!r}", "folders or files with names of their own")
    return name
