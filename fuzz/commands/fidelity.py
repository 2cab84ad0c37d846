"""`percpu-fuzz fidelity`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.commands.shared import json_flag
from percpu_fuzz.fuzz.interrupts import taken_away
from percpu_fuzz.fuzz.progress import WatchedFile, working
from percpu_fuzz.fuzz.recorded_words import counts_words, left_out_lines, machine_notes
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.recorded.fidelity import fidelity_page
from percpu_fuzz.strategies.capture.archive import is_archive, run_of_archive
from percpu_fuzz.strategies.fidelity.fidelity import Fidelity, check_run
from percpu_fuzz.strategies.trace.recorded_run import RecordedRun


@click.command()
@click.argument("folders", nargs=-1, required=True)
@json_flag
def fidelity_command(folders: tuple[str, ...], as_json: bool) -> int:
    """Compare each recorded run with the base variant and the models of allocator and placement; 1 on a difference.

    A folder that cannot be judged is said, the others are gone through, and then it is the input error that ends this.
    """
    for folder in folders:
        if not Path(folder).is_dir() and not is_archive(Path(folder)):
            raise InputError("fidelity", repr(folder), "the folder of a recorded run, or an archive of one")
    found: list[Fidelity] = []
    refused: list[InputError] = []
    for folder in folders:
        try:
            if Path(folder).is_dir():
                found.append(judged(RecordedRun.of_folder(Path(folder))))
                continue
            with taken_away(), run_of_archive(Path(folder)) as opened:
                found.append(judged(RecordedRun.of_folder(opened, Path(folder))))
        except InputError as error:
            print(f"{Path(folder).name}: not judged: {' '.join(str(error).split())}")
            refused.append(error)
    if as_json and found:
        print(json.dumps({"runs": [fidelity.figures() for fidelity in found]}, sort_keys=True))
    if refused:
        raise refused[0]
    return int(not all(fidelity.agrees for fidelity in found))


def judged(run: RecordedRun) -> Fidelity:
    """Read, judge and print one run."""
    with working(f"{run.name}: reading the trace") as sign:
        with WatchedFile(run.trace, "trace") as source:
            read = run.read(source, keep_events=True)
        sign.words = f"{run.name}: replaying the workload"
        fidelity = check_run(read, VARIANTS["base"])
    detail = None if fidelity.fallback is None else fidelity.fallback.detail()
    words = f"{counts_words(read.stream.counts)}; {read.stream.cpus}."
    said = [*left_out_lines(fidelity.left_out), *machine_notes(run)]
    print(page_text(fidelity_page(fidelity.figures(), detail, words, said)))
    return fidelity
