"""Mean waste by the machine's nodes and the allocation's size, from the cells that each batch counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.campaign import Campaign
from reports.estimates import measured, precharges, shares
from reports.statistics import LEVEL, Interval

SIZE_CELLS = 64  # a key of "cell_cases" is nodes * SIZE_CELLS + ceil(log2(size_bytes))
NODE_GROUPS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 8), (9, 16), (17, 64), (65, 1024))
CASES_LEAST = 30  # a mean of fewer is marked, and has no interval
OPEN = Interval(None, None)


@dataclass(frozen=True, slots=True)
class Cell:
    """Probes on machines of nodes[0]..nodes[1] nodes, of 2^(size - 1) + 1 to 2^size bytes: number and mean waste.

    The mean weighs families by weight. interval: normal, of a ratio (reports.strata); open below CASES_LEAST probes,
    where a family of fewer cases has some of them, or where the store has no squares.
    """

    nodes: tuple[int, int]
    size: int
    probes: int
    mean_pages: float
    interval: Interval = OPEN


@dataclass(slots=True)
class _Part:
    """One family's probes in a cell: their number, and sums of their waste and of its square."""

    share: float
    cases: int
    probes: int = 0
    waste: int = 0
    squares: int = 0


def cells(campaign: Campaign, groups: Sequence[tuple[int, int]] = NODE_GROUPS) -> list[Cell]:
    """Every cell with a probe, by nodes, then size; empty for a variant that precharges nothing."""
    found: dict[tuple[tuple[int, int], int], dict[str, _Part]] = {}
    squared = True
    for name, share in shares(campaign).items() if precharges(campaign) else ():
        family = measured(campaign, name)
        waste, squares = family.histogram("cell_waste_pages"), family.histogram("cell_waste_squares")
        counted = family.histogram("cell_cases")
        squared = squared and (bool(squares) or not counted)
        for key, probes in counted.items():
            nodes, size = divmod(key, SIZE_CELLS)
            group = next((g for g in groups if g[0] <= nodes <= g[1]), groups[-1])
            part = found.setdefault((group, size), {}).setdefault(name, _Part(share, family.cases))
            part.probes += probes
            part.waste += waste.get(key, 0)
            part.squares += squares.get(key, 0)
    return [_cell(group, size, list(parts.values()), squared) for (group, size), parts in sorted(found.items())]


def _cell(group: tuple[int, int], size: int, parts: list[_Part], squared: bool) -> Cell:
    weight = sum(part.share * part.probes / part.cases for part in parts)
    mean = sum(part.share * part.waste / part.cases for part in parts) / weight
    probes = sum(part.probes for part in parts)
    if not squared or probes < CASES_LEAST or any(part.cases < CASES_LEAST for part in parts):
        return Cell(group, size, probes, mean)
    variance = 0.0
    for part in parts:
        residue = part.waste - mean * part.probes
        square = part.squares - 2 * mean * part.waste + mean * mean * part.probes
        variance += part.share**2 * (square - residue**2 / part.cases) / (part.cases - 1) / part.cases
    half = normal_quantile((1 + LEVEL) / 2) * math.sqrt(max(variance, 0.0)) / weight
    return Cell(group, size, probes, mean, Interval(mean - half, mean + half))


def normal_quantile(p: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(p))


def group_text(group: tuple[int, int]) -> str:
    """1, 5-8; the last group of nodes is open."""
    if group[0] == group[1]:
        return str(group[0])
    return f"{group[0]}+" if group == NODE_GROUPS[-1] else f"{group[0]}-{group[1]}"


def size_text(size: int) -> str:
    """The largest size of a class: 8, 512, 2K."""
    return f"{1 << size}" if size < 10 else f"{1 << (size - 10)}K" if size < 20 else f"{1 << (size - 20)}M"
