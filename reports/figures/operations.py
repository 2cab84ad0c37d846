"""Calls into memcg for each alloc and free, by size of the machine: groups, slopes and rank correlations."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.topology import MAX_NODES
from percpu_fuzz.reports.figures.families import CPU_CLASSES, NODE_CLASSES, Span
from percpu_fuzz.reports.statistics.intervals import least_squares, spearman

HOOKS = ("alloc", "free")
TOUCHED_CLASSES = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 8), (9, MAX_NODES))
MACHINES_LEAST = 8  # fewer do not carry a fit of three coefficients

Rows = Sequence[Mapping[str, Any]]  # one a machine and variant: nodes, cpus, variant, alloc_ops, free_ops


@dataclass(frozen=True, slots=True)
class Spread:
    """Machines in a group, and the calls that they need."""

    machines: int
    median: float
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Fit:
    """calls = per_node * nodes + per_cpu * CPUs + constant by least squares; explained: R squared, None if all equal.

    with_nodes, with_cpus: Spearman's rank correlations, None where one side is constant.
    """

    per_node: float
    per_cpu: float
    constant: float
    explained: float | None
    with_nodes: float | None
    with_cpus: float | None


@dataclass(frozen=True, slots=True)
class Grouping:
    """Calls of one hook by "nodes", "cpus" or "touched": groups with a machine in them, and each variant's spread."""

    hook: str
    by: str
    groups: tuple[tuple[Span, tuple[Spread | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class CallSurvey:
    """Calls of every variant on the same machines; fits: by variant and hook."""

    variants: tuple[str, ...]
    machines: int
    groupings: tuple[Grouping, ...]
    fits: dict[tuple[str, str], Fit | None]


def call_survey(rows: Rows) -> CallSurvey | None:
    """What a campaign's rows of operations say; None without rows."""
    if not rows:
        return None
    rows = with_touched(rows)
    variants = variants_of(rows)
    classes = {"nodes": NODE_CLASSES, "cpus": CPU_CLASSES}
    if all("touched" in row for row in rows):
        classes["touched"] = TOUCHED_CLASSES
    return CallSurvey(
        tuple(variants), sum(row["variant"] == variants[0] for row in rows),
        tuple(grouping(rows, variants, hook, by, groups) for hook in HOOKS for by, groups in classes.items()),
        {(variant, hook): fit(rows, variant, hook) for variant in variants for hook in HOOKS},
    )  # fmt: skip


def grouping(rows: Rows, variants: Sequence[str], hook: str, by: str, groups: Sequence[Span]) -> Grouping:
    """Calls of one hook by one property of the machines."""
    found = [(group, tuple(spread(rows, variant, hook, by, group) for variant in variants)) for group in groups]
    return Grouping(hook, by, tuple((group, spreads) for group, spreads in found if any(spreads)))


def variants_of(rows: Rows) -> list[str]:
    """The variants counted, in the order in which they first occur."""
    return list(dict.fromkeys(str(row["variant"]) for row in rows))


def with_touched(rows: Rows) -> Rows:
    """Rows whose "touched" is that of their machine: the most nodes that any variant charged there.

    A variant that charges one objcg sees one node wherever the pages lie. Rows without machine and touched stay.
    """
    most: dict[str, int] = {}
    for row in rows:
        if "machine" in row and "touched" in row:
            most[row["machine"]] = max(most.get(row["machine"], 0), row["touched"])
    return [{**row, "touched": most[row["machine"]]} if row.get("machine") in most else row for row in rows]


def calls(row: Mapping[str, Any], hook: str) -> int:
    """Calls into memcg that a machine's row counts for a hook, one of HOOKS."""
    return int(row[f"{hook}_ops"])


def spread(rows: Rows, variant: str, hook: str, by: str, group: Span) -> Spread | None:
    """Calls of the machines whose `by` ("nodes", "cpus", "touched") lies in the group, ends included; None if none."""
    found = [calls(row, hook) for row in rows if row["variant"] == variant and group[0] <= row[by] <= group[1]]
    if not found:
        return None
    return Spread(len(found), statistics.median(found), min(found), max(found))


def fit(rows: Rows, variant: str, hook: str) -> Fit | None:
    """The fit over all machines of a variant; None for too few."""
    chosen = [row for row in rows if row["variant"] == variant]
    if len(chosen) < MACHINES_LEAST:
        return None
    nodes, cpus = [float(row["nodes"]) for row in chosen], [float(row["cpus"]) for row in chosen]
    found = [float(calls(row, hook)) for row in chosen]
    a, b, c = least_squares(zip(nodes, cpus, found, strict=True))
    mean = statistics.fmean(found)
    total = sum((y - mean) ** 2 for y in found)
    rest = sum((y - a * n - b * k - c) ** 2 for n, k, y in zip(nodes, cpus, found, strict=True))
    explained = None if total == 0 else 1 - rest / total
    return Fit(a, b, c, explained, spearman(nodes, found), spearman(cpus, found))
