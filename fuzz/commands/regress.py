"""`percpu-fuzz regress`."""

from __future__ import annotations

from pathlib import Path

from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.fuzz.commands.replay import named_variant
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.findings.regression import regression_of
from percpu_fuzz.strategies.reading import read_bytes


def regress_command(file: str, output: str) -> int:
    """Write the test file into the folder. InputError, and nothing written, unless it is red and then green."""
    finding = load_finding(read_bytes(Path(file)), file)
    named_variant(finding.variant, f"{file}, variant")
    name, text = regression_of(finding, file)
    path = Path(output) / name
    write_output(path, text.encode("ascii"), "--output", make_folder=True)
    print(f"{path}: red on {finding.variant}, green on fixed")
    return 0
