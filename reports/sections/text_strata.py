"""Wasted precharge by stratum as rows of text, for every renderer."""

from __future__ import annotations

from collections.abc import Sequence

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.by_stratum import Row, strata_rows
from percpu_fuzz.reports.figures.estimates import families_apart
from percpu_fuzz.reports.figures.limits import HUGE_NODES
from percpu_fuzz.reports.numbers import figure, heading, kind_lines, number, paragraph
from percpu_fuzz.reports.statistics.intervals import Interval

STRATA_WORDS = (
    "Wasted pages by what the case was like, pooled over families by weight. Each row is a part of the measured "
    "distribution: the estimate is of probes like these, with intervals as above. Rows of one kind are not independent "
    "of rows of another, and no correction is made for looking at many."
)
APART = " Machines of more than {nodes} nodes are in the last row of 'nodes' and in no other."

HEAD = ("", "", "probes", "mean", "p50", "p99")


def strata_words(campaign: Campaign) -> str:
    """What the rows are, and whose probes are in one of them only."""
    return STRATA_WORDS + (APART.format(nodes=HUGE_NODES) if families_apart(campaign)[0] else "")


def strata_cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A row of cells for each; the kind stands in the first of its rows only."""
    cells, before = [], ""
    for row in rows:
        mean = f"{figure(row.mean)} {ends(row.mean_interval, figure)}"
        quantiles = [f"{q.value} {ends(q.interval, whole)}" for q in row.quantiles]
        cells.append(("" if row.kind == before else row.kind, row.value, number(row.probes), mean, *quantiles))
        before = row.kind
    return cells


def whole(value: float | None) -> str:
    """The end of a quantile's interval without decimals; '-' if it is open."""
    return "-" if value is None else str(int(value))


def ends(interval: Interval, text: object) -> str:
    """[low, high]."""
    assert callable(text)
    return f"[{text(interval.low)}, {text(interval.high)}]"


def strata_section(campaign: Campaign) -> list[str]:
    """The whole section; nothing for a variant that precharges nothing."""
    cells = strata_cells(strata_rows(campaign))
    if not cells:
        return []
    return [
        *heading("Wasted precharge by stratum"),
        *paragraph(strata_words(campaign)),
        "",
        *kind_lines([HEAD, *cells]),
    ]
