"""From the tally of a batch to its Outcome, which is plain data: histograms of measured cases, counts, signatures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.core.records import NR_HAZARDS
from percpu_fuzz.engine.outcome import (
    AMISS,
    EVERY_ALLOCATION,
    HUNTING,
    MISPLACED_WHERE,
    OF_PARTS,
    OF_PRODUCTS,
    OF_SQUARES,
    OF_VALUE_SQUARES,
    PAIR,
    PRECHARGE_BASE,
    PRECHARGE_USED,
    ROUNDING_PARTS,
    SIZE_CELLS,
    Histogram,
    Outcome,
    Signature,
)
from percpu_fuzz.strategies.run.tally import PROBE_NAMES, BatchTally

COUNT_NAMES = (
    "alloc", "free", "charged", "refunded", "charge_failed", "illegal", "alloc_ops", "free_ops", "waste_sum", "stuck",
    "overlong",
)  # fmt: skip


def outcome_of(stream: str, k: int, family: str, variant: str, tally: BatchTally) -> Outcome:
    """The outcome of a batch of which every case was counted; without its features."""
    sums = tally.sums[0]
    counts = {name: int(sums[name]) for name in COUNT_NAMES}
    counts |= {f"probe.{name}": int(number) for name, number in zip(PROBE_NAMES, sums["probe"], strict=True)}
    counts |= {f"hazard.H{h}": int(sums["hazard"][h]) for h in range(1, NR_HAZARDS)}
    counted, first = count_events(tally.events[: sums["nr_events"]], variant)
    named = histograms_of(tally.rows, stream)
    if stream != HUNTING:
        of_all, value_squares = every_allocation(tally.allocs[: sums["nr_allocs"]])
        named |= of_all
        counts |= value_squares
    steps, ended_early = int(sums["steps"]), int(sums["ended_early"])
    return Outcome(stream, k, family, len(tally.rows), steps, ended_early, named, counts, counted, first)


def of_waste(outcome: Outcome) -> Outcome:
    """What holds of cases that ended with their last charge, unchecked: probes, charged allocations, steps taken."""
    histograms = {name: counted for name, counted in outcome.histograms.items() if name != "in_flight_pages"}
    counts = {
        name: number
        for name, number in outcome.counts.items()
        if name in ("charged", "waste_sum", "stuck", "overlong")
        or name.startswith("probe.")
        or name.endswith(OF_VALUE_SQUARES)
    }
    return replace(outcome, histograms=histograms, counts=counts, violations={}, first_cases={})


def count_events(events: Any, variant: str) -> tuple[dict[Signature, int], dict[Signature, tuple[int, ...]]]:
    """Cases by signature, and the first two cases of each."""
    counted: dict[Signature, int] = {}
    first: dict[Signature, tuple[int, ...]] = {}
    for case, invariant, label, passed in events.tolist():
        hazards = tuple(h for h in range(1, NR_HAZARDS) if passed >> h & 1)
        signature = Signature(INVARIANT_NAMES[invariant], variant, NAMES[label], hazards)
        counted[signature] = counted.get(signature, 0) + 1
        first[signature] = (*first.get(signature, ()), case)[:2]
    return counted, first


def histograms_of(rows: Any, stream: str) -> dict[str, Histogram]:
    """The distributions of a batch: of its charged probes, and of what each case had in flight at most.

    Of the hunting stream, which adds nothing to any estimate, only those that show what it does.
    """
    probes = rows[rows["done"] == 1]
    waste = np.maximum(probes["precharge"] - probes["used"], 0)
    found = {"waste_pages": histogram_of(waste), "in_flight_pages": histogram_of(rows["in_flight"])}
    if stream == HUNTING:
        return found
    size = binary_class(probes["area_bytes"])
    cells = probes["nodes"] * SIZE_CELLS + size
    return (
        found
        | {name: histogram_of(values) for name, values in probe_values(probes, waste, size)}
        | {
            "cell_cases": histogram_of(cells),
            "cell_waste_pages": sums_of(cells, waste),
            "cell_waste_squares": sums_of(cells, waste * waste),
        }
    )


def probe_values(probes: Any, waste: Any, size: Any) -> Iterator[tuple[str, Any]]:
    """What the distributions of charged probes are of, one after the other: each is as long as the batch."""
    precharge, used = probes["precharge"], probes["used"]
    reserved = precharge > 0
    rounding = used * probes["page_size"] - probes["booked"]
    amiss = probes["misplaced"] > 0
    yield "precharge_pages", precharge
    yield "share_percent", waste[reserved] * 100 // precharge[reserved]
    yield "rounding_bytes16", np.maximum(rounding, 0) * ROUNDING_PARTS // probes["page_size"]
    yield PRECHARGE_USED, ((probes["nodes"] * 2 + probes["nowait"]) * PAIR + precharge) * PAIR + used
    yield PRECHARGE_BASE, precharge * PAIR + base_pages(probes)
    yield "misplaced_bytes", probes["misplaced"]
    yield MISPLACED_WHERE, ((probes["place"] * SIZE_CELLS + size) * AMISS + probes["misplaced"])[amiss]
    yield "waste_by_cpus", binary_class(probes["cpus"]) * PAIR + waste
    yield "waste_by_size", size * PAIR + waste
    yield "waste_by_page", binary_class(probes["page_size"] // 4096) * PAIR + waste
    yield "waste_by_place", probes["place"] * PAIR + waste


def every_allocation(allocs: Any) -> tuple[dict[str, Histogram], dict[str, int]]:
    """Histograms and counts over every charged allocation (engine.outcome.EVERY_ALLOCATION)."""
    waste = np.maximum(allocs["precharge"] - allocs["used"], 0)
    reserved = allocs["precharge"] > 0
    share = waste[reserved] * np.int64(100) // allocs["precharge"][reserved]
    named: dict[str, Histogram] = {}
    counts: dict[str, int] = {}
    for name, values, rows in zip(EVERY_ALLOCATION, (waste, share), (allocs, allocs[reserved]), strict=True):
        *found, counts[name + OF_VALUE_SQUARES] = averaged(rows["case"], rows["parts"], values)
        named |= {name + of: h for of, h in zip((OF_PARTS, OF_SQUARES, OF_PRODUCTS), found, strict=True)}
    return named, counts


def averaged(case: Any, parts: Any, values: Any) -> tuple[Histogram, Histogram, Histogram, int]:
    """By value what sums over cases of X, X^2 and D X grow by there, and the sum of Y^2; cases ascending."""
    order = np.lexsort((values, case))
    parts, values = parts[order].astype(np.int64), values[order].astype(np.int64)
    first = np.flatnonzero(np.diff(case, prepend=-1))  # the row that each case begins with
    lengths = np.diff(first, append=len(case))
    passed = np.cumsum(parts)
    before = passed - parts - np.repeat(passed[first] - parts[first], lengths)
    whole = np.repeat(np.add.reduceat(parts, first) if len(first) else parts, lengths)
    totals = np.add.reduceat(parts * values, first) if len(first) else parts
    squares = sum(total * total for total in totals.tolist())  # may be beyond 64 bits
    grown = (before + parts) ** 2 - before**2
    return sums_of(values, parts), sums_of(values, grown), sums_of(values, whole * parts), squares


def base_pages(probes: Any) -> Any:
    """What the kernel before the series asks for where its byte stock is empty: 8 bytes of obj_exts a granule, ceil."""
    size = probes["area_bytes"]
    return -(-(size * probes["cpus"] + size // 4 * 8) // probes["page_size"])


def histogram_of(values: Any) -> Histogram:
    """Number of times by value, values ascending."""
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True))


def sums_of(cells: Any, values: Any) -> Histogram:
    """The sum of the values in each cell, cells ascending."""
    found, place = np.unique(cells, return_inverse=True)
    sums = np.zeros(len(found), dtype=np.int64)
    np.add.at(sums, place, values)
    return dict(zip(found.tolist(), sums.tolist(), strict=True))


def binary_class(values: Any) -> Any:
    """ceil(log2(value)), 0 for what is below 1."""
    return np.ceil(np.log2(np.maximum(values, 1))).astype(np.int64)
