"""Comparing campaigns at full numbers: equal laws are rarely flagged, and a page more is found."""

from __future__ import annotations

from functools import cache
from typing import Any

from stored_campaigns import drawn, in_parallel, stored

from percpu_fuzz.reports.figures.compare import Comparison, compare
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.sections.compare import ALPHA
from percpu_fuzz.reports.statistics.intervals import clopper_pearson
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan

PAIRS, MOST_FLAGGED = 500, 41  # Bin(500, 5%) exceeds 41 once in 1,000
REPETITIONS, POWER = 200, 0.95


@cache
def plan() -> Plan:
    """The default distribution, families by weight; each campaign has a seed of its own."""
    made = make_plan("v2", 0, learns=False)  # families by weight: no pilot in so few batches
    Batches(made).warm()
    return made


def compared(seed: int, cases: int, extra_pages: int = 0) -> Comparison:
    """Campaigns 2 seed and 2 seed + 1, `cases` cases a batch; the second one with extra pages."""
    one, other = (
        Figures(stored(plan(), drawn(plan(), number, cases, pages), seed=number)[0])
        for number, pages in ((2 * seed, 0), (2 * seed + 1, extra_pages))
    )
    return compare(one, other)


def equal_pair(seed: int) -> tuple[list[str], list[str], int]:
    """Figures flagged, figures with p at most 0.05, and the number of figures."""
    rows = compared(seed, 10).differences
    return [r.name for r in rows if r.adjusted <= ALPHA], [r.name for r in rows if r.p <= ALPHA], len(rows)


def planted_pair(seed: int) -> bool:
    """Whether waste is flagged, as more: the mean itself hangs on the few probes of the machine of 1,024 nodes."""
    waste = compared(seed, 20, extra_pages=1).differences[0]
    assert waste.name == "waste_pages"
    return waste.adjusted <= ALPHA and waste.a12 is not None and waste.a12 > 0.5


def aa() -> dict[str, Any]:
    """500 pairs of default campaigns of 1,000 cases: at most 41 flag any figure; without Holm's correction more do."""
    plan()
    found = in_parallel(equal_pair, range(1, PAIRS + 1))
    flagged, uncorrected = sum(bool(row[0]) for row in found), sum(bool(row[1]) for row in found)
    names = sorted({name for row in found for name in row[0]})
    return {
        "passed": flagged <= MOST_FLAGGED < uncorrected, "pairs": PAIRS, "cases_a_side": 1_000, "flagged": flagged,
        "flagged_without_correction": uncorrected, "figures": [min(r[2] for r in found), max(r[2] for r in found)],
        "flagged_figures": {name: sum(name in row[0] for row in found) for name in names},
    }  # fmt: skip


def power() -> dict[str, Any]:
    """A page more of precharge on machines of 2 to 8 nodes, 2,000 cases a side, seeds apart: the exact interval of
    the power lies above 0.95.
    """
    plan()
    found = sum(in_parallel(planted_pair, range(10_001, 10_001 + REPETITIONS)))
    interval = clopper_pearson(found, REPETITIONS)
    return {
        "passed": interval.low is not None and interval.low >= POWER, "repetitions": REPETITIONS,
        "cases_a_side": 2_000, "found": found, "power_interval": [interval.low, interval.high],
    }  # fmt: skip


LINES = {"aa": aa, "power": power}
