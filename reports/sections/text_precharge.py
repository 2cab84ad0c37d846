"""What the precharge costs in the text report: spurious failures, pages in flight, bytes booked on another node."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import Distribution, precharges
from percpu_fuzz.reports.figures.headroom import pooled_headrooms
from percpu_fuzz.reports.numbers import WIDTH, fitting, heading, kind_lines, number, paragraph, plain
from percpu_fuzz.reports.render.page import Table
from percpu_fuzz.reports.sections.precharge import (
    HEADROOM_WORDS,
    IN_FLIGHT_WORDS,
    MISPLACED_WORDS,
    headroom_table,
    in_flight_table,
    misplaced_table,
    misplaced_where,
    nodes_table,
)
from percpu_fuzz.reports.sections.run_words import rule_words

SHORT = {"headroom, pages": "headroom", "fail all the same": "fail", "share of those that fit": "of those that fit",
         "share of all": "of all", "with bytes amiss": "amiss", "most bytes": "most", "p99, bytes": "p99"}  # fmt: skip


def precharge_sections(campaign: Campaign, pooled: Mapping[str, Distribution]) -> list[str]:
    """Three sections; nothing for a variant that precharges nothing."""
    if not precharges(campaign):
        return []
    return [
        *headroom_lines(campaign),
        *quantity_lines(campaign, pooled, "in_flight_pages", "Precharge in flight, pages", IN_FLIGHT_WORDS),
        *quantity_lines(campaign, pooled, "misplaced_bytes", "Bytes booked on another node", MISPLACED_WORDS),
        *where_lines(campaign),
    ]


def where_lines(campaign: Campaign) -> list[str]:
    """Bytes amiss by size and by placement."""
    lines = []
    for found in misplaced_where(campaign):
        head = [SHORT.get(cell, cell) for cell in found.head]
        rows = [head, *map(list, found.rows)]
        lines += ["", *paragraph(found.caption + ":"), *kind_lines(rows, "  ")]
        if max(map(len, lines)) > WIDTH:  # how many, and below it how much
            lines[-len(kind_lines(rows)) :] = kind_lines([row[:5] for row in rows])
            lines += ["", *kind_lines([[*row[:2], *row[5:]] for row in rows])]
    return lines


def headroom_lines(campaign: Campaign) -> list[str]:
    """A row each for 0, 1, 2, 4, ... pages of headroom."""
    lines = heading("Failures that only the precharge causes")
    lines += paragraph(HEADROOM_WORDS)
    found = pooled_headrooms(campaign, True)
    if not found:
        return [*lines, "", "No pair of precharge and use was counted: no estimate."]
    facts = f"n = {number(found[0].probes)} probes; counts as run, shares by weight with 95% intervals, exact by family"
    return [
        *lines,
        "",
        *table_lines(headroom_table(found)),
        "",
        *paragraph(f"{facts}, joined; {rule_words(campaign)}."),
        *nodes_lines(campaign),
    ]


def nodes_lines(campaign: Campaign) -> list[str]:
    """The share by nodes and by blocking at a few headrooms."""
    found = nodes_table(campaign)
    return ["", *paragraph(found.caption + ":"), *table_lines(found)]


def quantity_lines(
    campaign: Campaign, pooled: Mapping[str, Distribution], name: str, title: str, words: str
) -> list[str]:
    """A quantity's table, all families by weight first."""
    lines = [*heading(title), *paragraph(words)]
    if name not in pooled:
        return [*lines, "", "Not counted: no estimate."]
    made = misplaced_table if name == "misplaced_bytes" else in_flight_table
    facts = f"95% intervals, exact by family, joined in the first row; {rule_words(campaign)}."
    return [*lines, "", *table_lines(made(campaign, pooled[name])), "", *paragraph(facts)]


def table_lines(found: Table) -> list[str]:
    """The table with short column heads and names; in two or more parts where it does not fit the width."""
    head = [SHORT.get(cell, cell) for cell in found.head]
    return fitting([head, *([shortened(row[0]), *row[1:]] for row in found.rows)], found.left)


def shortened(name: str) -> str:
    """A name of at most 16 characters."""
    shown = plain(name)
    return shown if len(shown) <= 16 else shown[:14] + ".."
