"""The report files of a campaign, from what is stored of it; and how long they take."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.files import json_text, write_whole
from percpu_fuzz.reports.campaign import Campaign, gather
from percpu_fuzz.reports.ci.formats import FORMATS
from percpu_fuzz.reports.documents import report_html, report_markdown
from percpu_fuzz.reports.report_json import report_json
from percpu_fuzz.reports.sections.text import report_text


def rendered(campaign: Campaign, exit_status: int, formats: Sequence[str] = ()) -> dict[str, bytes]:
    """Every report file by name: report.txt, .md, .html and .json, and the formats asked for."""
    files = {
        "report.txt": report_text(campaign),
        "report.md": report_markdown(campaign),
        "report.html": report_html(campaign),
        "report.json": json_text(report_json(campaign, exit_status)),
    }
    for name in formats:
        file, make = FORMATS[name]
        files[file] = make(campaign, exit_status)
    return {file: text.encode("ascii") for file, text in files.items()}


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
        campaign = gather(
            [Outcome.from_canonical(row)], describe=describe, digest="", seconds=1.0, compile_seconds=0.0,
            interrupted=False, stopped_by="time", workers=1, out="", command="",
        )  # fmt: skip
    row_seconds = (time.perf_counter() - start) / 10
    start = time.perf_counter()
    for make in (report_text, report_markdown, report_html):
        make(campaign)
    report_json(campaign, 0)
    return 2 * (time.perf_counter() - start), 3 * row_seconds  # a row is read for report, digest and findings
