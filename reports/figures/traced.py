"""A recorded workload through a variant: the figures of one trace, under one or more placements.

A trace is one realisation and its allocations are not independent, so none of these figures has an interval. Where the
placement is a model, each has the range over the placements that were tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from percpu_fuzz.reports.statistics.intervals import moments, rank_of, value_at_rank

TRACED_QUANTILES = (0.5, 0.9, 0.99)
Pairs = Mapping[tuple[int, int, bool], int]


@dataclass(frozen=True, slots=True)
class NodeRow:
    """Pages and bytes charged on a node, at most and at the end; node None: all nodes together."""

    node: int | None
    pages_most: int
    pages_end: int
    bytes_most: int
    bytes_end: int


@dataclass(frozen=True, slots=True)
class Placed:
    """The counts under one placement.

    pairs: charged allocations by (pages precharged, pages used, whether the caller might not block); failed: those that
    the allocator refused after the charge; misplaced: charged allocations by bytes booked on another node than the one
    they lie on, of booked_bytes in all.
    """

    name: str
    pairs: Pairs
    failed: int
    misplaced: Mapping[int, int]
    booked_bytes: int
    nodes: tuple[NodeRow, ...]

    @property
    def charged(self) -> int:
        """Charged allocations."""
        return sum(self.pairs.values())

    def waste(self) -> dict[int, int]:
        """Charged allocations by pages precharged and not used."""
        found: dict[int, int] = {}
        for (precharge, used, _), n in self.pairs.items():
            found[max(precharge - used, 0)] = found.get(max(precharge - used, 0), 0) + n
        return dict(sorted(found.items()))

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


@dataclass(frozen=True, slots=True)
class Traced:
    """What `percpu-fuzz trace` found. precharges: the variant precharges at all; by_node: it charges node by node.
    modelled: nobody says where pages were.

    others: the same under further placements, where the placement is a model. rows: of memory.stat that were compared;
    rows_lagging: those that differ only because the kernel had not flushed. left_out: what could not be used, by kind,
    and as words, a line for each kind of which there is any.
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
    others: tuple[Placed, ...] = ()
    read: str = ""
    rows: int = 0
    rows_equal: int = 0
    rows_lagging: int = 0
    worst_difference_bytes: int = 0
    broken: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    left_out: Mapping[str, int] = field(default_factory=dict)
    left_out_words: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[Placed, ...]:
        """The main placement, then the others."""
        return (self.main, *self.others)


PlacedFigure = Callable[[Placed], float | None]


def quantile_of(q: float) -> PlacedFigure:
    """The q-quantile of wasted pages: the least value that so large a share does not exceed."""

    def figure(placed: Placed) -> float | None:
        waste = placed.waste()
        n = sum(waste.values())
        return value_at_rank(waste, rank_of(n, q)) if n else None

    return figure


def mean_waste(placed: Placed) -> float | None:
    """Mean pages precharged and not used; None without a charged allocation."""
    waste = placed.waste()
    return moments(waste)[1] if waste else None


def most_waste(placed: Placed) -> float | None:
    """The most pages that one allocation precharged and did not use; None without a charged allocation."""
    return max(placed.waste(), default=None)


def share_of_spurious(pages: int, nowait: bool | None = None) -> PlacedFigure:
    """Of the allocations that fit into so many pages, the share that fails only because of the precharge."""

    def figure(placed: Placed) -> float | None:
        fit, fail = placed.spurious(pages, nowait)
        return fail / fit if fit else None

    return figure


def share_misplaced(placed: Placed) -> float | None:
    """Bytes booked on another node than theirs, of all booked; None if none were."""
    return placed.misplaced_bytes / placed.booked_bytes if placed.booked_bytes else None


def range_of(traced: Traced, figure: PlacedFigure) -> tuple[float, float] | None:
    """Least and most over all placements; None where the placement is known, or nothing was counted."""
    found = [value for value in map(figure, traced.every) if value is not None]
    return (min(found), max(found)) if traced.others and found else None


def headrooms(traced: Traced) -> list[int]:
    """0, 1, 2, 4, ... pages, up to the first at which no allocation can fail."""
    largest = max((precharge for placed in traced.every for precharge, _, _ in placed.pairs), default=0)
    places = [0, 1]
    while places[-1] < largest:
        places.append(2 * places[-1])
    return places


def nodes_of(traced: Traced) -> tuple[NodeRow, ...]:
    """Peak and end by node and of all; a variant that charges one objcg has the sum only."""
    return tuple(row for row in traced.main.nodes if traced.by_node or row.node is None)


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
        "nodes": [node_json(row) for row in nodes_of(traced)],
        "left_out": dict(traced.left_out),
    }


def waste_json(traced: Traced) -> dict[str, Any]:
    """Pages wasted under the main placement, ranges over all; short: allocations that used more than precharged."""
    waste = traced.main.waste()
    return {
        "pages": {
            "histogram": {str(pages): n for pages, n in waste.items()},
            "mean": mean_waste(traced.main),
            "quantiles": {str(q): quantile_of(q)(traced.main) for q in TRACED_QUANTILES},
            "max": most_waste(traced.main),
            "mean_range": range_of(traced, mean_waste),
            "quantile_ranges": {str(q): range_of(traced, quantile_of(q)) for q in TRACED_QUANTILES},
            "max_range": range_of(traced, most_waste),
        },
        "short": traced.main.short,
    }


def spurious_json(traced: Traced) -> list[dict[str, Any]]:
    """An object for each headroom in pages: allocations that fit and fail, all and by whether they may block."""
    rows = []
    for pages in headrooms(traced):
        row: dict[str, Any] = {"headroom": pages, "share_range": range_of(traced, share_of_spurious(pages))}
        for name, nowait in (("all", None), ("may_block", False), ("may_not_block", True)):
            fit, fail = traced.main.spurious(pages, nowait)
            row[name] = {"fit": fit, "fail": fail}
        rows.append(row)
    return rows


def attribution_json(traced: Traced) -> dict[str, Any]:
    """Bytes booked and those on another node; allocations that have any, and the most bytes of one."""
    main = traced.main
    return {
        "booked_bytes": main.booked_bytes,
        "misplaced_bytes": main.misplaced_bytes,
        "allocations": sum(n for size, n in main.misplaced.items() if size),
        "most_bytes": max(main.misplaced, default=0),
        "share_range": range_of(traced, share_misplaced),
    }


def node_json(row: NodeRow) -> dict[str, Any]:
    """Pages and bytes of a node (null: of all together), at their peak and at the end of the trace."""
    return {
        "node": row.node, "pages_peak": row.pages_most, "pages_end": row.pages_end, "bytes_peak": row.bytes_most,
        "bytes_end": row.bytes_end,
    }  # fmt: skip


def per_node(rows: Sequence[NodeRow]) -> tuple[NodeRow, ...]:
    """The rows of single nodes."""
    return tuple(row for row in rows if row.node is not None)
