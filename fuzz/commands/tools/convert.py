"""`percpu-fuzz convert`."""

from __future__ import annotations

import contextlib
import gzip
import os
from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.files import output_file, utf8
from percpu_fuzz.fuzz.options import choice_option
from percpu_fuzz.fuzz.progress import WatchedFile
from percpu_fuzz.strategies.trace.rewrite import FORMS, NO_EVENT, rewritten
from percpu_fuzz.strategies.trace.tracefs import read_lines


@click.command()
@click.argument("file")
@click.option("--to", "form", required=True, help="trace-cmd or perf.")
@click.option("-o", "--output", required=True, help="The file to write; gzip if its name ends in .gz.")
def convert_command(file: str, form: str, output: str) -> int:
    """Write a tracefs text as trace-cmd report or perf script would; gzip if the name ends so."""
    choice_option(form, "--to", FORMS)
    target = Path(output)
    if os.path.realpath(target) == os.path.realpath(file):
        raise InputError("--output", output, "another file than the trace")
    events = 0
    with WatchedFile(Path(file), "convert") as source, output_file(target, "--output") as file_out:
        with gzip.open(file_out, "wb") if target.suffix == ".gz" else contextlib.nullcontext(file_out) as out:
            for line in rewritten(read_lines(source), form):
                events += not line.startswith(NO_EVENT)
                out.write(utf8(line + "\n"))
        if not events:
            raise InputError(file, "no trace event", "the text of tracefs' trace file, plain or gzip")
    return 0
