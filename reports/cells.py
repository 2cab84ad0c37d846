"""Mean waste by the machine's nodes and the allocation's size, from the cells that each batch counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.campaign import Campaign
from reports.estimates import measured, precharges, shares

SIZE_CELLS = 64  # a key of "cell_cases" is nodes * SIZE_CELLS + ceil(log2(size_bytes))
NODE_GROUPS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 8), (9, 16), (17, 64), (65, 1024))
CASES_LEAST = 30  # a mean of fewer is marked


@dataclass(frozen=True, slots=True)
class Cell:
    """Probes on machines of nodes[0]..nodes[1] nodes, of 2^(size - 1) + 1 to 2^size bytes: number and mean waste.

    The mean weighs families by weight and has no interval; probes says of how many it is.
    """

    nodes: tuple[int, int]
    size: int
    probes: int
    mean_pages: float


def cells(campaign: Campaign, groups: Sequence[tuple[int, int]] = NODE_GROUPS) -> list[Cell]:
    """Every cell with a probe, by nodes, then size; empty for a variant that precharges nothing."""
    sums: dict[tuple[tuple[int, int], int], list[float]] = {}
    for name, share in shares(campaign).items() if precharges(campaign) else ():
        family = measured(campaign, name)
        waste = family.histogram("cell_waste_pages")
        for key, probes in family.histogram("cell_cases").items():
            nodes, size = divmod(key, SIZE_CELLS)
            group = next((g for g in groups if g[0] <= nodes <= g[1]), groups[-1])
            total = sums.setdefault((group, size), [0, 0.0, 0.0])
            weight = share / family.cases
            total[0] += probes
            total[1] += weight * probes
            total[2] += weight * waste.get(key, 0)
    return [Cell(group, size, int(n), waste / weight) for (group, size), (n, weight, waste) in sorted(sums.items())]


def group_text(group: tuple[int, int]) -> str:
    """1, 5-8; the last group of nodes is open."""
    if group[0] == group[1]:
        return str(group[0])
    return f"{group[0]}+" if group == NODE_GROUPS[-1] else f"{group[0]}-{group[1]}"


def size_text(size: int) -> str:
    """The largest size of a class: 8, 512, 2K."""
    return f"{1 << size}" if size < 10 else f"{1 << (size - 10)}K" if size < 20 else f"{1 << (size - 20)}M"
