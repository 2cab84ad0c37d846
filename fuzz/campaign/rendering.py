"""The report files of a campaign, from what is stored of it; and how long they take."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.files import json_text, utf8, write_whole
from percpu_fuzz.reports.campaign import RunFacts, gather
from percpu_fuzz.reports.ci import FORMATS
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.markdown import page_markdown
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.report_json import report_json
from percpu_fuzz.reports.sections.pages import page_of


def rendered(figures: Figures, exit_status: int, formats: Sequence[str] = ()) -> dict[str, bytes]:
    """Every report file by name: report.txt, .md, .html and .json, and the formats asked for."""
    page = page_of(figures)
    files = {
        "report.txt": page_text(page), "report.md": page_markdown(page), "report.html": page_html(page),
        "report.json": json_text(report_json(figures, exit_status)),
    }  # fmt: skip
    for name in formats:
        file, make = FORMATS[name]
        files[file] = make(figures, exit_status)
    return {file: utf8(text) for file, text in files.items()}


def write_files(files: Mapping[str, bytes], out: Path) -> None:
    """Put each file, through a rename, into the folder `out`, which must be there. OSError if that fails."""
    for name, content in files.items():
        write_whole(out / name, content)


def time_to_render(describe: Mapping[str, Any], outcome: Outcome) -> tuple[float, float]:
    """(seconds of a whole report, seconds that each stored row adds), measured on a campaign of one batch.

    Twice what was measured, as a full campaign has more to draw; libraries are loaded here and not again.
    """
    start = time.perf_counter()
    row = outcome.canonical()
    for _ in range(10):
        campaign = gather([Outcome.from_canonical(row)], RunFacts(describe=describe, seconds=1.0))
    row_seconds = (time.perf_counter() - start) / 10
    start = time.perf_counter()
    rendered(Figures(campaign), 0)
    return 2 * (time.perf_counter() - start), 3 * row_seconds  # a row is read for report, digest and findings
