"""A recorded workload through a variant: the figures of one trace, under one or more placements.

A trace is one realisation and its allocations are not independent, so none of these figures has an interval. Where the
placement is a model, each has the range over the placements that were tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from percpu_fuzz.engine.charge_tally import ChargeTally, NodeCharges
from percpu_fuzz.reports.statistics.intervals import moments, rank_of, value_at_rank

WASTE_RANKS = (0.5, 0.9, 0.99)
AS_THEY_ARE = ("variant", "topology", "charge", "rows", "rows_equal", "rows_lagging", "worst_difference_bytes")
TallyFigure = Callable[[ChargeTally], float | None]


def mean_waste(tally: ChargeTally) -> float | None:
    """Pages; None without a charged allocation."""
    return moments(tally.waste)[1] if tally.charged else None


def waste_at(q: float) -> TallyFigure:
    """The q-quantile of wasted pages: the least value that so large a share does not exceed."""
    return lambda tally: value_at_rank(tally.waste, rank_of(tally.charged, q)) if tally.charged else None


def spurious_share(pages: int, nowait: bool | None = None) -> TallyFigure:
    """Of the allocations that fit into so many pages, the share that fails only because of the precharge."""

    def share(tally: ChargeTally) -> float | None:
        fit, fail = tally.spurious(pages, nowait)
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
    main: ChargeTally
    others: tuple[ChargeTally, ...]
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
    def every(self) -> tuple[ChargeTally, ...]:
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

    def range_of(self, figure: TallyFigure) -> tuple[float, float] | None:
        """Least and most over all placements; None where the placement is known, or nothing was counted."""
        found = [value for value in map(figure, self.every) if value is not None]
        return (min(found), max(found)) if self.others and found else None


def traced_json(traced: Traced) -> dict[str, Any]:
    """The figures as data; null or empty where the variant has none."""
    return {
        **{name: getattr(traced, name) for name in AS_THEY_ARE},
        "placement": {"source": traced.placed, "modelled": traced.modelled, "notes": list(traced.notes)},
        "charged": traced.main.charged,
        "failed_after_charge": traced.main.failed,
        "broken": list(traced.broken),
        "waste": waste_json(traced) if traced.precharges else None,
        "spurious": spurious_json(traced) if traced.precharges else None,
        "attribution": attribution_json(traced) if traced.by_node else None,
        "nodes": [asdict(row) for row in traced.nodes],
        "left_out": dict(traced.left_out),
    }


def waste_json(traced: Traced) -> dict[str, Any]:
    """Pages wasted under the main placement, ranges over all; short: allocations that used more than precharged."""
    main = traced.main
    return {
        "pages": {
            "histogram": {str(pages): n for pages, n in main.waste.items()},
            "mean": mean_waste(main),
            "quantiles": {str(q): waste_at(q)(main) for q in WASTE_RANKS},
            "max": main.most_waste,
            "mean_range": traced.range_of(mean_waste),
            "quantile_ranges": {str(q): traced.range_of(waste_at(q)) for q in WASTE_RANKS},
            "max_range": traced.range_of(lambda tally: tally.most_waste),
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
        "share_range": traced.range_of(lambda tally: tally.misplaced_share),
    }
