"""Calls into memcg as a section: medians by nodes and by CPUs; their fits as an entry of the details."""

from __future__ import annotations

from percpu_fuzz.reports.figures.families import range_text
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.operations import HOOKS, CallSurvey, Grouping, Spread
from percpu_fuzz.reports.numbers import decimal, number, plural
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import MedianRange, ranges_picture

SERIES = 5  # classes s1..s5; more variants than that share colours
CALLS_WORDS = (
    "Counted on {machines} machines, one alloc and one free on each, uncontended: the hooks' calls into memcg "
    "(precharge, account, uncharge, refill, unprecharge). Median (least-most)."
)
BY_WORDS = {"nodes": "by possible nodes", "cpus": "by possible CPUs", "touched": "by nodes it lies on"}
FIT_WORDS = (
    "Least squares: calls = a * nodes + b * CPUs + constant, both as possible ones; R2: share of the variance "
    "explained. Rank: Spearman's correlation with nodes and with CPUs: 1 grows with it, 0 does not; '-': constant."
)


def costs_section(figures: Figures) -> Section:
    """Pictures by nodes and by CPUs for both hooks, then the numbers."""
    title, found = "Calls into memcg for each alloc and free", figures.calls
    if found is None:
        return Section("costs", title, ("Not counted.",))
    words = CALLS_WORDS.format(machines=number(found.machines))
    drawn = tuple(costs_figure(found, grouping) for grouping in found.groupings)
    tables = tuple(costs_table(found, grouping) for grouping in found.groupings)
    part = Section("costs-numbers", "The same in numbers", tables=tables, folded=True)
    return Section("costs", title, (words,), drawn, parts=(part,))


def fit_parts(figures: Figures) -> tuple[Section, ...]:
    """The fits as an entry; none where nothing was counted."""
    if figures.calls is None:
        return ()
    return (Section("fits", "Fits of calls into memcg", tables=(fits_table(figures.calls),), folded=True),)


def costs_figure(found: CallSurvey, grouping: Grouping) -> Figure:
    """A dot a median, a line from least to most, beside each other by variant."""
    ranges = []
    for i, (group, spreads) in enumerate(grouping.groups):
        for turn, (variant, s) in enumerate(zip(found.variants, spreads, strict=True)):
            if s is not None:
                note = f"{variant}, {range_text(group)}: median {s.median:g}, {s.least} to {s.most}"
                kind = f"s{turn % SERIES + 1}"
                ranges.append(MedianRange(i, kind, turn, float(s.median), float(s.least), float(s.most), note))
    title, by = f"{grouping.hook}, {BY_WORDS[grouping.by]}", BY_WORDS[grouping.by].removeprefix("by ")
    names = [range_text(group) for group, _ in grouping.groups]
    picture = ranges_picture(title, names, ranges, len(found.variants), (by, "calls"))
    keys = tuple((f"s{turn % SERIES + 1}", variant) for turn, variant in enumerate(found.variants))
    caption = (
        f"n = {plural(found.machines, 'machine')}, fixed beforehand; median, and least to most: counts of a survey "
        "that a run repeats, not estimates."
    )
    return Figure(title, picture, caption, keys)


def costs_table(found: CallSurvey, grouping: Grouping) -> Table:
    """A row a group of machines, a column a variant; machines: those of the first variant that has any there."""
    rows = []
    for group, spreads in grouping.groups:
        machines = next(s.machines for s in spreads if s is not None)
        rows.append((range_text(group), number(machines), *map(spread_cell, spreads)))
    return Table((f"{grouping.hook}, {BY_WORDS[grouping.by]}", "machines", *found.variants), tuple(rows))


def spread_cell(found: Spread | None) -> str:
    """3 (2-13); '-' for no machine."""
    return "-" if found is None else f"{found.median:g} ({found.least}-{found.most})"


def fits_table(survey: CallSurvey) -> Table:
    """calls = a * nodes + b * CPUs + constant."""
    cells = []
    for variant in survey.variants:
        for hook in HOOKS:
            found = survey.fits[variant, hook]
            if found is None:
                cells.append((variant, hook, *["-"] * 6))
                continue
            slopes = [decimal(found.per_node, 2), decimal(found.per_cpu, 3), decimal(found.constant, 1)]
            ranks = [decimal(value) for value in (found.explained, found.with_nodes, found.with_cpus)]
            cells.append((variant, hook, *slopes, *ranks))
    head = ("variant", "hook", "a", "b", "constant", "R2", "rank, nodes", "rank, CPUs")
    return Table(head, tuple(cells), 2, FIT_WORDS)
