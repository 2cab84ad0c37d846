"""`percpu-fuzz convert`."""

from __future__ import annotations

import gzip
from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
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
    part = target.with_name(target.name + ".part")
    if target.exists() and target.resolve() == Path(file).resolve():
        raise InputError("--output", output, "another file than the trace")
    try:
        with gzip.open(part, "wt") if target.suffix == ".gz" else part.open("w") as out:
            events = 0
            with WatchedFile(Path(file), "convert") as source:
                for line in rewritten(read_lines(source), form):
                    events += not line.startswith(NO_EVENT)
                    out.write(line + "\n")
        if not events:
            raise InputError(file, "no trace event", "the text of tracefs' trace file, plain or gzip")
        part.replace(target)
    except OSError as error:
        raise InputError("--output", f"{output}: {error.strerror}", "a file that can be written") from None
    finally:
        part.unlink(missing_ok=True)
    return 0
