"""`percpu-fuzz report`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.campaign.ending import status_of
from percpu_fuzz.fuzz.campaign.pdf import write_pdf
from percpu_fuzz.fuzz.campaign.rendering import rendered, write_files
from percpu_fuzz.fuzz.options import choice_option, path_option
from percpu_fuzz.fuzz.output.folder import new_folder
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.fuzz.settings import SETTINGS, formats_option
from percpu_fuzz.fuzz.store.reading import CAMPAIGN_FOLDER, read_campaign, read_exit
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.sections.brief.mail import mail_text

FORMATS = ("text", "html", "json", "md", "mail")
FILES = {"text": "report.txt", "html": "report.html", "json": "report.json", "md": "report.md"}


@click.command()
@click.argument("folder")
@click.option("-o", "--output", help="Write to this folder, new or empty. [default: the campaign's own]")
@click.option("--report", "formats", default="", help=SETTINGS["report"].help)
@click.option("--pdf", is_flag=True, help="report.pdf too, printed by a Chromium found on PATH.")
@click.option(
    "--format",
    "form",
    help="What is printed: text, html, json, md or mail (40 lines, for a list); no file is written then unless -o, "
    "--report or --pdf ask for some. [default: text]",
)
def report_command(folder: str, output: str | None, formats: str, pdf: bool, form: str | None) -> int:
    """Render a campaign's reports again from its store; print one of them; the campaign's exit status.

    form: what is printed. Where it is named, files are written only if -o, --report or --pdf ask for some.
    """
    wanted = formats_option(formats)
    chosen = choice_option(form or "text", "--format", FORMATS)
    with working(f"reading {folder}"):
        campaign = read_campaign(Path(folder))
    if campaign.waste_only and wanted:
        raise InputError("--report", f"{formats} of a campaign of --waste-only", "nothing: these formats are of checks")
    stored = read_exit(Path(folder))
    exit_status = status_of(campaign, None) if stored is None else stored
    try:
        figures = Figures(campaign)
        with working("working out figures and pages"):
            files = rendered(figures, exit_status, wanted)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(str(Path(folder) / "campaign.db"), what, CAMPAIGN_FOLDER) from error
    if form is None or output is not None or wanted or pdf:
        write(files, Path(folder), output, pdf)
    sys.stdout.write(mail_text(figures) if chosen == "mail" else files[FILES[chosen]].decode())
    return exit_status


def write(files: dict[str, bytes], folder: Path, output: str | None, pdf: bool) -> None:
    """The files where the campaign lies, or in another folder, which is not there after a refusal."""
    out = folder if output is None else path_option(output, "--output")
    with contextlib.nullcontext() if output is None else new_folder(out, "--output", tuple(files)):
        try:
            write_files(files, out)
        except OSError as error:
            raise InputError("report", f"{out}: {error.strerror}", "a folder that can be written, or -o DIR") from None
        if pdf:
            write_pdf(out / "report.html", out / "report.pdf")
