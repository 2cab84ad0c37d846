"""`percpu-fuzz compare`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.reports.sections.compare_text import compare_text


@click.command()
@click.argument("folder_a")
@click.argument("folder_b")
def compare_command(folder_a: str, folder_b: str) -> int:
    """Print how two campaigns differ; 0 whatever the difference is."""
    print(compare_text(read_campaign(Path(folder_a)), read_campaign(Path(folder_b))), end="")
    return 0
