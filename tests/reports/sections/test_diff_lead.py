"""A comparison in sentences, and what its printed table leaves to the file."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.diff import diff_page, lead_words


def difference(kind: str, **measured: int) -> dict[str, Any]:
    """One that was not shrunk."""
    return {
        "variant": "v2",
        "kind": kind,
        "measured": measured,
        "hunted": 1,
        "first": ["measurement", 0, 1],
        "shown": None,
    }


ROW: dict[str, Any] = {
    "schema": 1, "code": "c", "version": "0", "base": "base", "variants": ["v2"], "seed": 1, "cases": 40_000,
    "measured": {"vm8": 10_000, "pc": 10_000}, "weights": {"vm8": 1, "pc": 1}, "hunted": 20_000,
    "differences": [
        difference("the first allocation: succeeds | -ENOMEM", vm8=900, pc=50),
        difference("a further allocation: succeeds | -ENOMEM, OOM killer called", vm8=100),
        difference("a further allocation: -ENOMEM | succeeds", pc=20),
        difference("a further allocation: no area | -ENOMEM", pc=1),
        difference("memory.current at rest: more", vm8=5000),
    ],
}  # fmt: skip


def test_what_is_lost_and_won_is_added_up() -> None:
    """By hand: 1,000 of 10,000 and 50 of 10,000, with equal weights 5.25%; the other way 0.10%; amounts are neither."""
    words = lead_words(ROW, "v2")
    assert words.startswith("v2: 5.2")
    assert "succeeds on base and fails here, 0.10% [" in words
    assert words.endswith("on machines of the families vm8 (10.0%), pc (0.50%).")


def test_rare_kinds_stand_in_the_file_alone() -> None:
    """One of 20,000 is not printed but counted; the file has it."""
    printed, file = page_text(diff_page(ROW, 0)), page_text(diff_page(ROW))
    assert "1 kind that fewer than 0.1% of measured cases show: in diff.txt." in printed
    assert "no area | -ENOMEM" not in printed
    assert "no area | -ENOMEM" in file
    assert "in diff.txt" not in file
