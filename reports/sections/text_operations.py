"""Calls into memcg in the text report: does a variant's cost grow with nodes or with CPUs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from percpu_fuzz.reports.figures.operations import (
    CPU_GROUPS,
    HOOKS,
    NODE_GROUPS,
    TOUCHED_GROUPS,
    Spread,
    fit,
    spread,
    variants_of,
    with_touched,
)
from percpu_fuzz.reports.numbers import decimal, heading, number, paragraph, table

OPERATIONS_WORDS = (
    "Counted on {machines} machines, one alloc and one free on each, uncontended: the hooks' calls into memcg "
    "(precharge, account, uncharge, refill, unprecharge). Median (least-most)."
)
BY_WORDS = {"nodes": "by possible nodes", "cpus": "by possible CPUs", "touched": "by nodes it lies on"}
FIT_WORDS = (
    "Least squares: calls = a * nodes + b * CPUs + constant, both as possible ones; R2: share of the variance "
    "explained. Rank: Spearman's correlation with nodes and with CPUs: 1 grows with it, 0 does not; '-': constant."
)


def operations_section(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table by hook and grouping, then the fits; 'not counted' without rows. rows: one a machine and variant."""
    lines = heading("Calls into memcg for each alloc and free")
    if not rows:
        return [*lines, "not counted"]
    rows = with_touched(rows)
    variants = variants_of(rows)
    machines = sum(row["variant"] == variants[0] for row in rows)
    lines += paragraph(OPERATIONS_WORDS.format(machines=number(machines)))
    for hook in HOOKS:
        for by, groups in groupings(rows):
            lines += ["", *_groups(rows, variants, hook, by, groups)]
    return [*lines, "", *_fits(rows, variants), *paragraph(FIT_WORDS)]


def groupings(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, Sequence[tuple[int, int]]]]:
    """By nodes, by CPUs, and by the nodes that the allocation lies on, where the rows tell."""
    groupings: list[tuple[str, Sequence[tuple[int, int]]]] = [("nodes", NODE_GROUPS), ("cpus", CPU_GROUPS)]
    if all("touched" in row for row in rows):
        groupings.append(("touched", TOUCHED_GROUPS))
    return groupings


def _groups(
    rows: Sequence[Mapping[str, Any]], variants: Sequence[str], hook: str, by: str, groups: Sequence[tuple[int, int]]
) -> list[str]:
    cells = [[f"{hook}, {BY_WORDS[by]}", "machines", *variants]]
    for group in groups:
        found = [spread(rows, variant, hook, by, group) for variant in variants]
        if found[0] is not None:
            name = str(group[0]) if group[0] == group[1] else f"{group[0]}..{group[1]}"
            cells.append([f"  {name}", number(found[0].machines), *map(_cell, found)])
    return table(cells)


def _cell(found: Spread | None) -> str:
    if found is None:
        return "-"
    return f"{decimal(found.median, 0 if found.median == int(found.median) else 1)} ({found.least}-{found.most})"


def _fits(rows: Sequence[Mapping[str, Any]], variants: Sequence[str]) -> list[str]:
    cells = [["variant", "", "a", "b", "constant", "R2", "rank, nodes", "rank, CPUs"]]
    for variant in variants:
        for hook in HOOKS:
            found = fit(rows, variant, hook)
            if found is None:
                cells.append([variant, hook, *["-"] * 6])
                continue
            slopes = [decimal(found.per_node, 2), decimal(found.per_cpu, 3), decimal(found.constant, 1)]
            ranks = [decimal(value) for value in (found.explained, found.with_nodes, found.with_cpus)]
            cells.append([variant, hook, *slopes, *ranks])
    return table(cells, left=2)
