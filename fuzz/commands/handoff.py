"""`percpu-fuzz handoff`."""

from __future__ import annotations

import click

from percpu_fuzz.fuzz.commands.shared import chosen_variant, finding_of, print_or_write, variant_of_finding
from percpu_fuzz.fuzz.findings.handoff import mail


@click.command()
@click.argument("file")
@variant_of_finding
@click.option("-o", "--output", help="Write to this file instead of to standard output.")
def handoff_command(file: str, variant: str | None, output: str | None) -> int:
    """Print a finding as a mail to a kernel developer, or write it."""
    finding = finding_of(file)
    print_or_write(mail(finding, chosen_variant(finding, variant, file), file), output)
    return 0
