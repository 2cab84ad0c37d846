"""Mean waste by the machine's nodes and the allocation's size, from the cells that each batch counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.histograms import SIZE_CELLS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import measured, precharges, shares
from percpu_fuzz.reports.figures.limits import largest, nodes_of
from percpu_fuzz.reports.figures.once import once
from percpu_fuzz.reports.statistics.bernstein import Part, bounded_mean
from percpu_fuzz.reports.statistics.intervals import OPEN, Interval

NODE_GROUPS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 8), (9, 16), (17, 64), (65, 1024))
CASES_LEAST = 30  # a mean of fewer is marked


@dataclass(frozen=True, slots=True)
class Cell:
    """Probes on machines of nodes[0]..nodes[1] nodes, of 2^(size - 1) + 1 to 2^size bytes: number and mean waste.

    The mean weighs families by weight. interval: Bernstein's (bernstein.py); open where nothing bounds the waste
    or the store has no squares.
    """

    nodes: tuple[int, int]
    size: int
    probes: int
    mean_pages: float
    interval: Interval = OPEN


@dataclass(slots=True)
class _Sums:
    """One family's probes in a cell: their number, and sums of their waste and of its square."""

    probes: int = 0
    waste: int = 0
    squares: int = 0


Key = tuple[tuple[int, int], int]


@once
def cells(campaign: Campaign, groups: Sequence[tuple[int, int]] = NODE_GROUPS) -> list[Cell]:
    """Every cell with a probe, by nodes, then size; empty for a variant that precharges nothing."""
    found: dict[Key, dict[str, _Sums]] = {}
    squared = True
    for name in shares(campaign) if precharges(campaign) else ():
        family = measured(campaign, name)
        waste, squares = family.histogram("cell_waste_pages"), family.histogram("cell_waste_squares")
        counted = family.histogram("cell_cases")
        squared = squared and (bool(squares) or not counted)
        for key, probes in counted.items():
            nodes, size = divmod(key, SIZE_CELLS)
            group = next((g for g in groups if g[0] <= nodes <= g[1]), groups[-1])
            part = found.setdefault((group, size), {}).setdefault(name, _Sums())
            part.probes += probes
            part.waste += waste.get(key, 0)
            part.squares += squares.get(key, 0)
    return [_cell(campaign, key, sums, squared) for key, sums in sorted(found.items())]


def _cell(campaign: Campaign, key: Key, sums: Mapping[str, _Sums], squared: bool) -> Cell:
    (fewest, most), size = key
    weights, nodes, parts = shares(campaign), nodes_of(campaign), []
    for name, (least, largest_) in nodes.items():
        if name in sums or (least <= most and largest_ >= fewest):
            found = sums.get(name, _Sums())
            bound = largest(campaign, "waste_pages", min(most, largest_), 1 << size)
            cases = measured(campaign, name).cases
            # Without a bound the part serves for the mean alone.
            parts.append(Part(weights[name], cases, found.probes, found.waste, found.squares, bound or 0))
    weight = sum(part.share * part.charged / part.cases for part in parts if part.cases)
    mean = sum(part.share * part.total / part.cases for part in parts if part.cases) / weight
    bounded = squared and all(part.most > 0 and part.total <= part.most * part.charged for part in parts)
    interval = bounded_mean(parts) if bounded else OPEN
    return Cell((fewest, most), size, sum(part.charged for part in parts), mean, interval)


def group_text(group: tuple[int, int]) -> str:
    """1, 5-8; the last group of nodes is open."""
    if group[0] == group[1]:
        return str(group[0])
    return f"{group[0]}+" if group == NODE_GROUPS[-1] else f"{group[0]}-{group[1]}"


def size_text(size: int) -> str:
    """The largest size of a class: 8, 512, 2K."""
    return f"{1 << size}" if size < 10 else f"{1 << (size - 10)}K" if size < 20 else f"{1 << (size - 20)}M"
