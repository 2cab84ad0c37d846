"""`percpu-fuzz handoff`."""

from __future__ import annotations

from pathlib import Path

from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.fuzz.commands.replay import chosen_variant
from percpu_fuzz.fuzz.files import write_output
from percpu_fuzz.fuzz.findings.handoff import mail
from percpu_fuzz.strategies.reading import read_bytes


def handoff_command(file: str, variant: str | None, output: str | None) -> int:
    """Print a finding as a mail to a kernel developer, or write it."""
    finding = load_finding(read_bytes(Path(file)), file)
    text = mail(finding, chosen_variant(finding, variant, file), file)
    if output is None:
        print(text, end="")
    else:
        write_output(Path(output), text.encode("ascii"), "--output")
    return 0
