"""Findings in the text report: one entry for each distinct cause, with what a case of it takes and how to see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.campaign import Campaign
from reports.layout import command, heading, paragraph, plural
from reports.text_violations import replay_line

WORDS = (
    "Cases of the most different signatures were shrunk; those that shrank to the same shape are one finding. A shape "
    "names what the shrunk case breaks first, the step, and what it takes."
)


def findings_section(campaign: Campaign) -> list[str]:
    """Every finding that was written; nothing where there is none."""
    if not campaign.findings:
        return []
    lines = heading(f"Findings: {plural(len(campaign.findings), 'distinct shape')}")
    lines += paragraph(WORDS)
    for row in campaign.findings:
        lines += one_finding(campaign, row)
    return lines


def one_finding(campaign: Campaign, row: Mapping[str, Any]) -> list[str]:
    """Shape, number of shrunk cases that share it, and the line that draws it."""
    lines = ["", *paragraph(str(row.get("shape", row["invariant"])))]
    if "alike" in row:
        broken = ", ".join(row["invariants"])
        lines += paragraph(f"{plural(int(row['alike']), 'shrunk case')}, of {broken}; one with its lanes:", "  ")
    return [*lines, *command(replay_line(campaign, str(row["file"])) + " --lanes", "    ")]
