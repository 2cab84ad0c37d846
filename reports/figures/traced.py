"""A recorded workload through a variant: the figures of one trace, under one or more placements.

A trace is one realisation and its allocations are not independent, so none of these figures has an interval. Where the
placement is a model, each has the range over the placements that were tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from percpu_fuzz.reports.statistics.intervals import moments, rank_of, value_at_rank

WASTE_RANKS = (0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class NodeCharges:
    """Pages and bytes charged on a node, at their peak and at the end of the trace; node None: all nodes together."""

    node: int | None
    pages_peak: int
    pages_end: int
    bytes_peak: int
    bytes_end: int


@dataclass(frozen=True)
class Placed:
    """The counts under one placement.

    pairs: charged allocations by (pages precharged, pages used, whether the caller might not block); failed: those that
    the allocator refused after the charge; misplaced: charged allocations by bytes booked on another node than the one
    they lie on, of booked_bytes in all.
    """

    name: str
    pairs: Mapping[tuple[int, int, bool], int]
    failed: int
    misplaced: Mapping[int, int]
    booked_bytes: int
    nodes: tuple[NodeCharges, ...]

    @property
    def charged(self) -> int:
        """Charged allocations."""
        return sum(self.pairs.values())

    @cached_property
    def waste(self) -> dict[int, int]:
        """Charged allocations by pages precharged and not used."""
        found: Counter[int] = Counter()
        for (precharge, used, _), n in self.pairs.items():
            found[max(precharge - used, 0)] += n
        return dict(sorted(found.items()))

    @property
    def mean_waste(self) -> float | None:
        """Pages; None without a charged allocation."""
        return moments(self.waste)[1] if self.waste else None

    @property
    def most_waste(self) -> float | None:
        """Pages of one allocation; None without a charged allocation."""
        return max(self.waste, default=None)

    @property
    def short(self) -> int:
        """Charged allocations that used more than was precharged."""
        return sum(n for (precharge, used, _), n in self.pairs.items() if used > precharge)

    def spurious(self, pages: int, nowait: bool | None = None) -> tuple[int, int]:
        """(allocations that fit into so many pages of headroom by their use, those of them that precharge more)."""
        fitting = [
            (precharge, n)
            for (precharge, used, no_wait), n in self.pairs.items()
            if used <= pages and (nowait is None or nowait == no_wait)
        ]
        return sum(n for _, n in fitting), sum(n for precharge, n in fitting if precharge > pages)

    @property
    def misplaced_bytes(self) -> int:
        """Bytes booked for another node than the one that has them."""
        return sum(size * n for size, n in self.misplaced.items())

    @property
    def misplaced_allocations(self) -> int:
        """Charged allocations with any such byte."""
        return sum(n for size, n in self.misplaced.items() if size)

    @property
    def misplaced_share(self) -> float | None:
        """Of all bytes booked; None if none were."""
        return self.misplaced_bytes / self.booked_bytes if self.booked_bytes else None


PlacedFigure = Callable[[Placed], float | None]


def waste_at(q: float) -> PlacedFigure:
    """The q-quantile of wasted pages: the least value that so large a share does not exceed."""
    return lambda placed: value_at_rank(placed.waste, rank_of(placed.charged, q)) if placed.charged else None


def spurious_share(pages: int, nowait: bool | None = None) -> PlacedFigure:
    """Of the allocations that fit into so many pages, the share that fails only because of the precharge."""

    def share(placed: Placed) -> float | None:
        fit, fail = placed.spurious(pages, nowait)
        return fail / fit if fit else None

    return share


@dataclass(frozen=True, slots=True)
class Traced:
    """What `percpu-fuzz trace` found. precharges: the variant precharges at all; by_node: it charges node by node.
    modelled: nobody says where pages were.

    others: the same under further placements, where the placement is a model. rows: of memory.stat that were compared;
    rows_lagging: those that differ only because the kernel had not flushed. left_out: what could not be used, by kind,
    and as words, a line for each kind of which there is any. says_no_flags: no allocation names its gfp flags.
    """

    file: str
    variant: str
    topology: str
    page_bytes: int
    placed: str
    charge: str
    command: str
    precharges: bool
    by_node: bool
    modelled: bool
    main: Placed
    others: tuple[Placed, ...]
    read: str
    rows: int
    rows_equal: int
    rows_lagging: int
    worst_difference_bytes: int
    broken: tuple[str, ...]
    notes: tuple[str, ...]
    left_out: Mapping[str, int]
    left_out_words: tuple[str, ...]
    says_no_flags: bool = False

    @property
    def every(self) -> tuple[Placed, ...]:
        """The main placement, then the others."""
        return (self.main, *self.others)

    @property
    def nodes(self) -> tuple[NodeCharges, ...]:
        """By node and of all; a variant that charges one objcg has the sum only."""
        return tuple(row for row in self.main.nodes if self.by_node or row.node is None)

    @property
    def headrooms(self) -> list[int]:
        """0, 1, 2, 4, ... pages, up to the first at which no allocation can fail."""
        largest = max((precharge for placed in self.every for precharge, _, _ in placed.pairs), default=0)
        places = [0, 1]
        while places[-1] < largest:
            places.append(2 * places[-1])
        return places

    def range_of(self, figure: PlacedFigure) -> tuple[float, float] | None:
        """Least and most over all placements; None where the placement is known, or nothing was counted."""
        found = [value for value in map(figure, self.every) if value is not None]
        return (min(found), max(found)) if self.others and found else None


def traced_json(traced: Traced) -> dict[str, Any]:
    """The figures as data; null or empty where the variant has none."""
    return {
        "variant": traced.variant,
        "topology": traced.topology,
        "placement": {"source": traced.placed, "modelled": traced.modelled, "notes": list(traced.notes)},
        "charge": traced.charge,
        "rows": traced.rows,
        "rows_equal": traced.rows_equal,
        "rows_lagging": traced.rows_lagging,
        "worst_difference_bytes": traced.worst_difference_bytes,
        "charged": traced.main.charged,
        "failed_after_charge": traced.main.failed,
        "broken": list(traced.broken),
        "waste": waste_json(traced) if traced.precharges else None,
        "spurious": spurious_json(traced) if traced.precharges else None,
        "attribution": attribution_json(traced) if traced.by_node else None,
        "nodes": [{name: getattr(row, name) for name in NodeCharges.__slots__} for row in traced.nodes],
        "left_out": dict(traced.left_out),
    }


def waste_json(traced: Traced) -> dict[str, Any]:
    """Pages wasted under the main placement, ranges over all; short: allocations that used more than precharged."""
    main = traced.main
    return {
        "pages": {
            "histogram": {str(pages): n for pages, n in main.waste.items()},
            "mean": main.mean_waste,
            "quantiles": {str(q): waste_at(q)(main) for q in WASTE_RANKS},
            "max": main.most_waste,
            "mean_range": traced.range_of(lambda placed: placed.mean_waste),
            "quantile_ranges": {str(q): traced.range_of(waste_at(q)) for q in WASTE_RANKS},
            "max_range": traced.range_of(lambda placed: placed.most_waste),
        },
        "short": main.short,
    }


def spurious_json(traced: Traced) -> list[dict[str, Any]]:
    """An object for each headroom in pages: allocations that fit and fail, all and by whether they may block."""
    rows = []
    for pages in traced.headrooms:
        row: dict[str, Any] = {"headroom": pages, "share_range": traced.range_of(spurious_share(pages))}
        for name, nowait in (("all", None), ("may_block", False), ("may_not_block", True)):
            row[name] = dict(zip(("fit", "fail"), traced.main.spurious(pages, nowait), strict=True))
        rows.append(row)
    return rows


def attribution_json(traced: Traced) -> dict[str, Any]:
    """Bytes booked and those on another node; allocations that have any, and the most bytes of one."""
    main = traced.main
    return {
        "booked_bytes": main.booked_bytes,
        "misplaced_bytes": main.misplaced_bytes,
        "allocations": main.misplaced_allocations,
        "most_bytes": max(main.misplaced, default=0),
        "share_range": traced.range_of(lambda placed: placed.misplaced_share),
    }
