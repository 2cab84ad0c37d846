"""Calls into memcg for each alloc and free, by size of the machine: groups, slopes and rank correlations."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.reports.statistics.intervals import least_squares, spearman

HOOKS = ("alloc", "free")
NODE_GROUPS = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 1024))
TOUCHED_GROUPS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 8), (9, 1024))
CPU_GROUPS = ((1, 4), (5, 16), (17, 64), (65, 256), (257, 8192))
MACHINES_LEAST = 8  # fewer do not carry a fit of three coefficients


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


def variants_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The variants counted, in the order in which they first occur."""
    return list(dict.fromkeys(str(row["variant"]) for row in rows))


def with_touched(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
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


def spread(
    rows: Iterable[Mapping[str, Any]], variant: str, hook: str, by: str, group: tuple[int, int]
) -> Spread | None:
    """Calls of the machines whose `by` ("nodes", "cpus", "touched") lies in the group, ends included; None if none."""
    found = [calls(row, hook) for row in rows if row["variant"] == variant and group[0] <= row[by] <= group[1]]
    if not found:
        return None
    return Spread(len(found), statistics.median(found), min(found), max(found))


def fit(rows: Sequence[Mapping[str, Any]], variant: str, hook: str) -> Fit | None:
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
