"""`percpu-fuzz regress`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.commands.shared import chosen_variant, finding_of, variant_of_finding
from percpu_fuzz.fuzz.files import utf8, write_output
from percpu_fuzz.fuzz.findings.regression import FOUND, regression_of
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.strategies.reading import read_bytes


@click.command()
@click.argument("file")
@click.option("-o", "--output", required=True, help="Folder for the test file.")
@variant_of_finding
@click.option("--strict", is_flag=True, help="A test that is red until the bug is gone, not one that documents it.")
def regress_command(file: str, output: str, variant: str | None, strict: bool) -> int:
    """Write the test file into the folder. InputError, and nothing written, unless it is red and then green."""
    finding = finding_of(file)
    chosen = chosen_variant(finding, variant, file)
    with working("trying the test: red on its variant, green on fixed"):
        made = regression_of(finding, chosen, strict)
    path = Path(output) / made.name
    files = {path.with_name(name): utf8(text) for name, text in made.beside.items()} | {path: utf8(made.text)}
    for name, content in files.items():
        refuse_anothers(name, content)
    for name, content in files.items():
        write_output(name, content, "--output", make_folder=True)
    beside = f", with {', '.join(made.beside)} beside it" if made.beside else ""
    if strict:
        print(f"{path}: red on {chosen.name} until {finding.invariant} holds, green on fixed{beside}")
    else:
        print(f"{path}: red on {chosen.name}, green on fixed{beside}")
    return 0


def refuse_anothers(path: Path, content: bytes) -> None:
    """InputError for a file of that name that is somebody's work: no earlier test of a finding, and no copy of this."""
    if path.exists() and FOUND.encode() not in (there := read_bytes(path)) and there != content:
        raise InputError("--output", f"{path} is there and is another file", "a folder without it")
