"""Bytes booked on another node than the one they lie on, as a section: by family, by size, by where pages fall."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.figures.families import apart
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.misplaced import Misplaced, amiss_and_right
from percpu_fuzz.reports.numbers import number, plural
from percpu_fuzz.reports.quantities import MISPLACED
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import bars_picture
from percpu_fuzz.reports.sections.estimate_tables import POOLED_NAME
from percpu_fuzz.reports.sections.rate_words import rate_cell
from percpu_fuzz.reports.sections.run_words import rule_words
from percpu_fuzz.reports.statistics.intervals import clopper_pearson
from percpu_fuzz.reports.statistics.strata import Rate

ATTRIBUTION_WORDS = (
    "Attribution error: bytes that the walk books on another node than the one they lie on, which is possible where an "
    "area straddles pages of different nodes. One probe a case."
)
WHERE_WORDS = (
    "By size and by where pages fall; share by weight, p99 and most: of the bytes of those that have any; [95% "
    "interval]; '-': too few to bound that end"
)


def misplaced_section(figures: Figures) -> Section:
    """How often, by family; how much, where it happens."""
    title, found = "Bytes booked on another node", figures.misplaced
    if found is None:
        return Section("misplaced", title, ("Not counted: no estimate.",))
    pooled = figures.pooled[MISPLACED.histogram]
    drawn = (misplaced_figure(figures, pooled.histogram),) if pooled.max > 0 else ()
    tables = (by_family_table(figures, found), where_table(figures, found))
    return Section("misplaced", title, (ATTRIBUTION_WORDS,), drawn, tuple(table for table in tables if table.rows))


def by_family_table(figures: Figures, found: Misplaced) -> Table:
    """Share of probes with bytes amiss: all by weight, then each family with a probe."""
    most = figures.pooled[MISPLACED.histogram].max
    rows = [
        (POOLED_NAME, number(found.probes), number(found.with_bytes_amiss), rate_cell(found.weighted), number(most))
    ]
    for family in figures.families:
        amiss, right = amiss_and_right(family)
        if amiss + right:
            rate = Rate(amiss / (amiss + right), clopper_pearson(amiss, amiss + right))
            most = max(family.histogram(MISPLACED.histogram))
            rows.append((family.name, number(amiss + right), number(amiss), rate_cell(rate), number(most)))
    head = ("family", "probes", "with bytes amiss", "share", "most bytes")
    caption = f"95% intervals, exact by family, joined in the first row; {rule_words(figures.campaign)}."
    return Table(head, tuple(rows), caption=caption)


def where_table(figures: Figures, found: Misplaced) -> Table:
    """Share and amount by size class and by placement; empty where batches did not count them."""
    rows, before = [], ""
    for row in found.strata:
        p99 = "-" if row.p99_bytes is None else MISPLACED.quantile_words(row.p99_bytes)
        counts = (number(row.probes), number(row.with_bytes_amiss), rate_cell(row.weighted))
        kind = "" if row.kind == before else row.kind
        rows.append((kind, row.value, *counts, p99, MISPLACED.value_words(row.max_bytes)))
        before = row.kind
    huge = ", ".join(family.name for family in apart(figures.families)[0])
    caption = WHERE_WORDS + (f"; without {huge}" if huge else "")
    head = ("", "", "probes", "with bytes amiss", "share", "p99, bytes", "most bytes")
    return Table(head, tuple(rows), 2, caption, groups=True)


def misplaced_figure(figures: Figures, histogram: Histogram) -> Figure:
    """Probes with bytes amiss, by powers of two."""
    counts: dict[int, int] = {}
    for value, k in histogram.items():
        if value > 0:
            counts[value.bit_length()] = counts.get(value.bit_length(), 0) + k
    bars = [(number(1 << (b - 1)), counts.get(b, 0)) for b in range(min(counts), max(counts) + 1)]
    caption = (
        f"{number(sum(counts.values()))} of n = {plural(sum(histogram.values()), 'probe')}, counted as run (intervals "
        f"of the shares: in the table); {rule_words(figures.campaign)}."
    )
    title = "Probes with bytes amiss"
    picture = bars_picture(title, bars, "bytes on another node, from ... up to its double", "probes")
    return Figure("How many bytes, where any are", picture, caption)
