"""`percpu-fuzz regress`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.fuzz.commands.shared import finding_of, named_variant
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.findings.regression import regression_of
from percpu_fuzz.fuzz.progress import working


@click.command()
@click.argument("file")
@click.option("-o", "--output", required=True, help="Folder for the test file.")
def regress_command(file: str, output: str) -> int:
    """Write the test file into the folder. InputError, and nothing written, unless it is red and then green."""
    finding = finding_of(file)
    named_variant(finding.variant, f"{file}, variant")
    with working("trying the test: red on its variant, green on fixed"):
        name, text = regression_of(finding, file)
    path = Path(output) / name
    write_output(path, text.encode("ascii"), "--output", make_folder=True)
    print(f"{path}: red on {finding.variant}, green on fixed")
    return 0
