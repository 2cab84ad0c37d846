"""Pages that a precharge leaves over: precharged less used, negative where the precharge ran short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from percpu_fuzz.engine.outcome import PRECHARGE_USED, Histogram
from percpu_fuzz.reports.figures.families import Family
from percpu_fuzz.reports.figures.headroom import pairs
from percpu_fuzz.reports.quantities import WASTE
from percpu_fuzz.reports.statistics.strata import Rate, pooled_ratio

PLACES_MOST = 64  # values at which the pooled distribution function is worked out

LeftOver = Mapping[str, Histogram]  # by family, probes by pages left over


def left_over(histogram: Histogram) -> Histogram:
    """Probes by pages left over, from those by (precharged, used)."""
    found: Histogram = {}
    for (precharge, used), number in pairs(histogram).items():
        found[precharge - used] = found.get(precharge - used, 0) + number
    return dict(sorted(found.items()))


def left_over_by_family(families: Sequence[Family]) -> LeftOver:
    """From the pairs where they were stored, else the waste, which is cut at 0."""
    return {f.name: left_over(f.histogram(PRECHARGE_USED)) or f.histogram(WASTE.histogram) for f in families}


def weighted_shares(families: Sequence[Family], found: LeftOver) -> dict[int, float]:
    """Share of each value among charged probes, families by weight."""
    total: dict[int, float] = {}
    for family in families:
        for value, k in found[family.name].items():
            total[value] = total.get(value, 0.0) + family.share * k / family.cases
    whole = sum(total.values())
    return {value: share / whole for value, share in sorted(total.items())}


def weighted_below(families: Sequence[Family], found: LeftOver, values: Sequence[int]) -> list[tuple[int, Rate]]:
    """The share of probes at or below some of the values, first and last among them: about PLACES_MOST at most."""
    every = -(-len(values) // PLACES_MOST)
    points = []
    for value in sorted({*values[::every], values[-1]}):
        rows = []
        for family in families:
            below = sum(k for v, k in found[family.name].items() if v <= value)
            rows.append((family.share, family.cases, below, sum(found[family.name].values()) - below))
        rate = pooled_ratio(rows)
        assert rate is not None, "no probe"
        points.append((value, rate))
    return points
