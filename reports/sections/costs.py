"""Calls into memcg as a section: medians by nodes and by CPUs, and the fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.cells import group_text
from percpu_fuzz.reports.figures.operations import HOOKS, Spread, fit, spread, variants_of, with_touched
from percpu_fuzz.reports.numbers import decimal, number, plural
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import MedianRange, ranges_picture
from percpu_fuzz.reports.sections.text_operations import BY_WORDS, FIT_WORDS, OPERATIONS_WORDS, groupings

SERIES = 5  # classes s1..s5; more variants than that share colours
Rows = Sequence[Mapping[str, Any]]


def costs_section(campaign: Campaign) -> Section:
    """Pictures by nodes and by CPUs for both hooks, then the numbers."""
    title = "Calls into memcg for each alloc and free"
    if not campaign.operations:
        return Section("costs", title, ("Not counted.",))
    rows = with_touched(campaign.operations)
    variants = variants_of(rows)
    machines = sum(row["variant"] == variants[0] for row in rows)
    figures, tables = [], [fits_table(rows, variants)]
    for hook in HOOKS:
        for by, groups in groupings(rows):
            found = found_groups(rows, variants, hook, by, groups)
            figures.append(costs_figure(hook, by, variants, found, machines))
            tables.append(costs_table(hook, by, variants, found))
    words = (OPERATIONS_WORDS.format(machines=number(machines)),)
    return Section("costs", title, words, tuple(figures), (tables[0],), parts=(numbers_part(tables[1:]),))


def numbers_part(tables: list[Table]) -> Section:
    """The tables behind the pictures, folded until the reader opens them."""
    return Section("costs-numbers", "The same in numbers", tables=tuple(tables), folded=True)


Found = list[tuple[tuple[int, int], list[Spread | None]]]


def found_groups(rows: Rows, variants: Sequence[str], hook: str, by: str, groups: Sequence[tuple[int, int]]) -> Found:
    """Groups with a machine in them, and the spread of each variant there."""
    found = [(group, [spread(rows, variant, hook, by, group) for variant in variants]) for group in groups]
    return [(group, spreads) for group, spreads in found if any(spreads)]


def costs_figure(hook: str, by: str, variants: Sequence[str], found: Found, machines: int) -> Figure:
    """A dot a median, a line from least to most, beside each other by variant."""
    ranges = []
    for i, (group, spreads) in enumerate(found):
        for turn, (variant, s) in enumerate(zip(variants, spreads, strict=True)):
            if s is not None:
                note = f"{variant}, {group_text(group)}: median {s.median:g}, {s.least} to {s.most}"
                kind = f"s{turn % SERIES + 1}"
                ranges.append(MedianRange(i, kind, turn, float(s.median), float(s.least), float(s.most), note))
    title = f"{hook}, {BY_WORDS[by]}"
    names = [group_text(group) for group, _ in found]
    picture = ranges_picture(title, names, ranges, len(variants), (BY_WORDS[by].removeprefix("by "), "calls"))
    keys = tuple((f"s{turn % SERIES + 1}", variant) for turn, variant in enumerate(variants))
    caption = (
        f"n = {plural(machines, 'machine')}, fixed beforehand; median, and least to most: counts of a survey that a "
        "run repeats, not estimates."
    )
    return Figure(title, picture, caption, keys)


def costs_table(hook: str, by: str, variants: Sequence[str], found: Found) -> Table:
    """A row a group of machines, a column a variant; machines: those of the first variant that has any there."""
    rows = []
    for group, spreads in found:
        machines = next(s.machines for s in spreads if s is not None)
        rows.append((group_text(group), number(machines), *map(_cell, spreads)))
    return Table((f"{hook}, {BY_WORDS[by]}", "machines", *variants), tuple(rows), caption="Median (least-most)")


def _cell(found: Spread | None) -> str:
    return "-" if found is None else f"{found.median:g} ({found.least}-{found.most})"


def fits_table(rows: Rows, variants: Sequence[str]) -> Table:
    """calls = a * nodes + b * CPUs + constant."""
    cells = []
    for variant in variants:
        for hook in HOOKS:
            found = fit(rows, variant, hook)
            if found is None:
                cells.append((variant, hook, *["-"] * 6))
                continue
            slopes = [decimal(found.per_node, 2), decimal(found.per_cpu, 3), decimal(found.constant, 1)]
            ranks = [decimal(value) for value in (found.explained, found.with_nodes, found.with_cpus)]
            cells.append((variant, hook, *slopes, *ranks))
    head = ("variant", "hook", "a", "b", "constant", "R2", "rank, nodes", "rank, CPUs")
    return Table(head, tuple(cells), 2, FIT_WORDS)
