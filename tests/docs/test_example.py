"""The example in docs: a whole text report as a mail takes it, with the line that repeats it."""

from __future__ import annotations

import re

from places import ROOT

DOCS = ROOT / "docs"


def test_the_example_report_is_whole() -> None:
    """ASCII of 78 columns, from the title to the last section, of the campaign that the page repeats; no path in it."""
    text = (DOCS / "example-report.txt").read_text()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 78
    (line,) = re.findall(r"^    (percpu-fuzz run .*)$", (DOCS / "example.md").read_text(), re.MULTILINE)
    assert line in text
    assert re.search(r"repeat with:\n +percpu-fuzz run --variant v2 --cases \d+ --seed \d+\n", text)
    for heading in ("Certificate", "Violations, by cases", "By stratum", "Hazards", "Findings"):
        assert heading in text
    assert not re.search(r"(?<![\w.])/(tmp|home|root|work|usr)\b", text)


def test_what_is_said_of_it_stands_in_it() -> None:
    """Every number that docs/example.md quotes stands in the report."""
    report = " ".join((DOCS / "example-report.txt").read_text().split())
    quoted = re.findall(r"`([^`]*\d[^`]*)`", (DOCS / "example.md").read_text().split("## What it says")[1])
    assert len(quoted) >= 8
    for figure in quoted:
        assert " ".join(figure.split()) in report, figure
