"""Findings in the text report: one entry for each distinct cause, with what a case of it takes and how to see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.numbers import command, heading, paragraph, plural
from percpu_fuzz.reports.sections.text_violations import replay_line

WORDS = (
    "Cases of the most different signatures were shrunk; those that shrank to the same shape are one finding. A shape "
    "names what the shrunk case breaks first, the step, and what it takes."
)

CUT_WORDS = "Cut short by the end of the time: the smallest so far, which may not be minimal."


def shrunk_words(campaign: Campaign) -> str:
    """How many picked cases time left out; empty where none was."""
    if campaign.shrunk is None or campaign.shrunk[0] >= campaign.shrunk[1]:
        return ""
    done, picked = campaign.shrunk
    left = picked - done
    causes = "other causes may be among the rest" if left > 1 else "the last one may have another cause"
    return f"{done} of {plural(picked, 'picked case')} were shrunk before the time ended: {causes}."


def findings_section(campaign: Campaign) -> list[str]:
    """Every finding that was written; nothing where there is none."""
    left_out = shrunk_words(campaign)
    if not campaign.findings and not left_out:
        return []
    lines = heading(f"Findings: {plural(len(campaign.findings), 'distinct shape')}")
    lines += paragraph(WORDS)
    lines += paragraph(left_out)
    for row in campaign.findings:
        lines += one_finding(campaign, row)
    return lines


def one_finding(campaign: Campaign, row: Mapping[str, Any]) -> list[str]:
    """Shape, number of shrunk cases that share it, and the line that draws it."""
    lines = ["", *paragraph(str(row.get("shape", row["invariant"])))]
    if "alike" in row:
        broken = ", ".join(row["invariants"])
        lines += paragraph(f"{plural(int(row['alike']), 'shrunk case')}, of {broken}; one with its lanes:", "  ")
    if row.get("cut_short"):
        lines += paragraph(CUT_WORDS, "  ")
    return [*lines, *command(replay_line(campaign, str(row["file"])) + " --lanes", "    ")]
