"""`percpu-fuzz compare`."""

from __future__ import annotations

from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.commands.shared import format_option, print_or_write
from percpu_fuzz.fuzz.files import json_text
from percpu_fuzz.fuzz.options import choice_option
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.markdown import page_markdown
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.compare import compare_json, compare_page, mail_of

RENDERERS = {
    "text": lambda a, b: page_text(compare_page(a, b)),
    "json": lambda a, b: json_text(compare_json(a, b)),
    "html": lambda a, b: page_html(compare_page(a, b)),
    "md": lambda a, b: page_markdown(compare_page(a, b)),
    "mail": mail_of,
}


def checked_campaign(folder: str) -> Campaign:
    """The campaign in a folder. InputError for one whose cases were not checked: it has no rates to compare."""
    campaign = read_campaign(Path(folder))
    if campaign.waste_only:
        raise InputError(folder, "a campaign of --waste-only, which checked nothing", "campaigns that checked")
    return campaign


@click.command()
@click.argument("folder_a")
@click.argument("folder_b")
@format_option("text, json, html, md, or mail: 40 lines for a list.")
@click.option("-o", "--output", metavar="FILE", help="Write to this file instead of to standard output.")
def compare_command(folder_a: str, folder_b: str, form: str, output: str | None) -> int:
    """Print how two campaigns differ; 0 whatever the difference is."""
    render = RENDERERS[choice_option(form, "--format", tuple(RENDERERS))]
    with working(f"comparing {folder_a} and {folder_b}"):
        text = render(*(Figures(checked_campaign(folder)) for folder in (folder_a, folder_b)))
    print_or_write(text, output)
    return 0
