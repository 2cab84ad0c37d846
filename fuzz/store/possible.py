"""What the numbers of a batch can be: a row may have been written by anybody, and reports divide by what it says."""

from __future__ import annotations

from collections import Counter

from percpu_fuzz.engine.outcome import (
    AMISS,
    MISPLACED_WHERE,
    OF_PARTS,
    OF_PRODUCTS,
    OF_SQUARES,
    PAIR,
    PARTS,
    PLACES,
    SIZE_CELLS,
    Outcome,
)
from percpu_fuzz.engine.topology import MAX_NODES

KEYS_MOST = 1 << 53  # as a float holds it
KEYS_END = {
    MISPLACED_WHERE: len(PLACES) * SIZE_CELLS * AMISS, "waste_by_place": len(PLACES) * PAIR,
    **{f"waste_by_{what}": SIZE_CELLS * PAIR for what in ("cpus", "size", "page")},
    **{f"cell_{what}": (MAX_NODES + 1) * SIZE_CELLS for what in ("cases", "waste_pages", "waste_squares")},
}  # fmt: skip
SUMS = ("cell_waste_pages", "cell_waste_squares")  # of pages; what is in other histograms is counted
A_CASE = {OF_PARTS: PARTS, OF_SQUARES: PARTS * PARTS, OF_PRODUCTS: PARTS * PARTS}  # at most; 1 in other histograms


def impossible(outcome: Outcome) -> str:
    """What of a batch's numbers cannot be, in words; nothing if all can."""
    broken: Counter[str] = Counter()  # a case records each invariant once
    for signature, cases in outcome.violations.items():
        broken[signature.invariant] += cases
    if max(outcome.ended_early, *broken.values(), 0) > outcome.cases:
        return f"more cases that end early, or break an invariant, than its {outcome.cases}"
    for name, histogram in outcome.histograms.items():
        packed = name in KEYS_END
        end = KEYS_END.get(name, KEYS_MOST)
        if any(key >= end or key < (0 if packed else -end) for key in histogram):
            return f"a value in {name} that no case has"
        if name in SUMS:
            continue
        most = next((parts for of, parts in A_CASE.items() if name.endswith(of)), 1)
        if 0 in histogram.values() or sum(histogram.values()) > most * outcome.cases:
            return f"{name} of no case, or of more than its {outcome.cases}"
    return ""
