"""`percpu-fuzz report`."""

from __future__ import annotations

from pathlib import Path

from engine.errors import InputError
from fuzz.campaign import status_of
from fuzz.options import formats_option, out_option
from fuzz.pdf import write_pdf
from fuzz.reading import read_campaign, read_exit
from fuzz.rendering import render


def report_command(folder: str, output: str | None, formats: str | None, pdf: bool) -> int:
    """Render a campaign's reports again from its store, where it lies or into another folder; its exit status."""
    wanted = formats_option(formats)
    campaign = read_campaign(Path(folder))
    stored = read_exit(Path(folder))
    exit_status = status_of(campaign, None) if stored is None else stored
    out = Path(folder) if output is None else out_option(output, output, "--output")
    try:
        text = render(campaign, exit_status, out, wanted)
    except OSError as error:
        raise InputError("report", f"{out}: {error.strerror}", "a folder that can be written, or -o DIR") from None
    if pdf:
        write_pdf(out / "report.html", out / "report.pdf")
    print(text, end="")
    return exit_status
