"""`percpu-fuzz compare`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.compare import compare_page


@click.command()
@click.argument("folder_a")
@click.argument("folder_b")
def compare_command(folder_a: str, folder_b: str) -> int:
    """Print how two campaigns differ; 0 whatever the difference is."""
    page = compare_page(*(Figures(read_campaign(Path(folder))) for folder in (folder_a, folder_b)))
    print(page_text(page), end="")
    return 0
