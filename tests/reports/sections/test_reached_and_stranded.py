"""What is counted once for the code, in a report: what is never reached, and how many allocations in a row succeed."""

from __future__ import annotations

from collections.abc import Callable

from rendered import report_json

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.headroom import stranding_tables
from percpu_fuzz.reports.sections.pages import page_of

Made = Callable[..., Campaign]
UNREACHED = {"cases": 936, "places": 1000, "excused": {"a failure on demand": 7}, "never": ["step X", "f, condition 2"]}
STRANDED = [
    {"variant": variant, "nodes": 2, "headroom": pages, "granted": granted}
    for variant, numbers in (("base", (85, 120)), ("v2", (0, 1)))
    for pages, granted in zip((1, 3), numbers, strict=True)
]


def test_what_is_never_reached_is_told_by_reason_and_by_name(make: Made) -> None:
    """991 of 1,000 places, seven for a reason, two by name; nothing is said where nothing was sampled."""
    text = page_text(page_of(Figures(make(unreached=[UNREACHED]))))
    assert "991 of 1,000 were reached" in " ".join(text.split())
    assert "a failure on demand" in text
    assert "step X" in text
    assert "f, condition 2" in text
    assert "What is never reached" not in page_text(page_of(Figures(make())))


def test_base_and_variant_stand_in_one_cell(make: Made) -> None:
    """Two nodes: with one page left 85 | 0 succeed, with three 120 | 1."""
    (table,) = stranding_tables(STRANDED, "v2")
    assert table.head == ("nodes", "1 left", "3 left")
    assert table.rows == (("2", "85 | 0", "120 | 1"),)
    assert stranding_tables([], "v2") == []
    assert report_json(make(stranding=STRANDED))["stranding"] == STRANDED
