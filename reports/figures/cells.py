"""Mean waste by the machine's nodes and the allocation's size, from the cells that each batch counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import SIZE_CELLS
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.figures.families import Family
from percpu_fuzz.reports.quantities import WASTE
from percpu_fuzz.reports.statistics.bernstein import Part, bounded_mean
from percpu_fuzz.reports.statistics.intervals import OPEN, Interval
from percpu_fuzz.reports.value_types import Count

NODE_GROUPS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 8), (9, 16), (17, 64), (65, 1024))
PROBES_LEAST = 30  # a mean of fewer is marked


@dataclass(frozen=True, slots=True)
class Cell:
    """Probes on machines of nodes[0]..nodes[1] nodes, of size_bytes_max / 2 + 1 bytes or more: number and mean waste.

    The mean weighs families by weight. interval: Bernstein's (bernstein.py); open where nothing bounds the waste
    or the store has no squares.
    """

    nodes: tuple[Count, Count]
    size_bytes_max: Count
    probes: Count
    mean_waste_pages: float
    interval: Interval


@dataclass(slots=True)
class _Sums:
    """One family's probes in a cell: their number, and sums of their waste and of its square."""

    probes: int = 0
    waste: int = 0
    squares: int = 0


CellKey = tuple[tuple[int, int], int]


def cells(
    families: Sequence[Family], variant: Variant | None, groups: Sequence[tuple[int, int]] = NODE_GROUPS
) -> list[Cell]:
    """Every cell with a probe, by nodes, then size; empty where batches did not count them."""
    found: dict[CellKey, dict[str, _Sums]] = {}
    squared = True
    for family in families:
        waste, squares = family.histogram("cell_waste_pages"), family.histogram("cell_waste_squares")
        counted = family.histogram("cell_cases")
        squared = squared and (bool(squares) or not counted)
        for key, probes in counted.items():
            nodes, size = divmod(key, SIZE_CELLS)
            group = next((g for g in groups if g[0] <= nodes <= g[1]), groups[-1])
            part = found.setdefault((group, size), {}).setdefault(family.name, _Sums())
            part.probes += probes
            part.waste += waste.get(key, 0)
            part.squares += squares.get(key, 0)
    return [_cell(families, variant, key, sums, squared) for key, sums in sorted(found.items())]


def _cell(
    families: Sequence[Family], variant: Variant | None, key: CellKey, sums: Mapping[str, _Sums], squared: bool
) -> Cell:
    (fewest, most), size = key
    parts = []
    for family in families:
        if family.name in sums or (family.nodes[0] <= most and family.nodes[1] >= fewest):
            found = sums.get(family.name, _Sums())
            bound = WASTE.most(variant, min(most, family.nodes[1]), 1 << size)
            # Without a bound the part serves for the mean alone.
            counted = (found.probes, found.waste, found.squares, found.waste, found.probes)
            parts.append(Part(family.share, family.cases, *counted, bound or 0))
    weight = sum(part.share * part.charged / part.cases for part in parts if part.cases)
    mean = sum(part.share * part.total / part.cases for part in parts if part.cases) / weight
    bounded = squared and all(part.most > 0 and part.total <= part.most * part.charged for part in parts)
    interval = bounded_mean(parts) if bounded else OPEN
    return Cell((fewest, most), 1 << size, sum(part.charged for part in parts), mean, interval)


def size_text(size_bytes: int) -> str:
    """A power of two: 8, 512, 2K."""
    return (
        f"{size_bytes}"
        if size_bytes < 1 << 10
        else f"{size_bytes >> 10}K"
        if size_bytes < 1 << 20
        else f"{size_bytes >> 20}M"
    )
