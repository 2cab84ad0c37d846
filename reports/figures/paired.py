"""Common random numbers: two campaigns of one seed drew the same machines and programs, batch by batch.

Case c of two batches of one draw is the same machine, placement and program in both, whatever the variant; only the
steps that the variants take differ. So the difference is taken within batches, where what both share cancels out, and
its interval comes from how it varies between batches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.statistics.intervals import LEVEL, OPEN, Interval

BATCHES_LEAST = 10  # of each family: Student's interval of fewer leans on how the batches' means are distributed
ALIKE = ("seed", "families", "machines", "faults", "code")


@dataclass(frozen=True, slots=True)
class Paired:
    """Wasted pages a measured case, B - A, over batches that both ran; unpaired: the interval without pairing.

    A case whose probe was not charged wastes 0. batches: pairs of all families.
    """

    batches: int
    difference: float
    interval: Interval
    unpaired: Interval


def paired(a: Figures, b: Figures, level: float = LEVEL) -> Paired | None:
    """The paired difference; None unless both drew from the same numbers and both precharge."""
    same = all(a.campaign.describe.get(name) == b.campaign.describe.get(name) for name in ALIKE)
    if not same or not (a.precharges and b.precharges):
        return None
    rows = []
    for family in a.families:
        one, other = (c.campaign.evidence.waste.get(family.name, {}) for c in (a, b))
        both = sorted(k for k in set(one) & set(other) if k >= a.campaign.pilot and one[k].cases == other[k].cases)
        rows.append((family.share, [(one[k], other[k]) for k in both]))
    if not any(pairs for _, pairs in rows):
        return None
    within = [(share, [y.mean - x.mean for x, y in pairs]) for share, pairs in rows]
    apart = [[(share, [pair[i].mean for pair in pairs]) for share, pairs in rows] for i in (0, 1)]
    difference, error, freedom = weighted_error(within)
    alone = [weighted_error(one) for one in apart]
    loose = None if alone[0][1] is None or alone[1][1] is None else math.hypot(alone[0][1], alone[1][1])
    return Paired(
        sum(len(pairs) for _, pairs in rows), difference,
        around(difference, error, freedom, level), around(difference, loose, freedom, level),
    )  # fmt: skip


def weighted_error(rows: Sequence[tuple[float, Sequence[float]]]) -> tuple[float, float | None, float]:
    """(mean, standard error, degrees of freedom) of a sum by share of means over batches (Welch and Satterthwaite).

    No error if a family has fewer than BATCHES_LEAST batches.
    """
    total = sum(share for share, values in rows if values)
    mean = sum(share / total * sum(values) / len(values) for share, values in rows if values)
    if any(len(values) < BATCHES_LEAST for _, values in rows):
        return mean, None, 1.0
    parts = []
    for share, values in rows:
        middle = sum(values) / len(values)
        variance = sum((value - middle) ** 2 for value in values) / (len(values) - 1) / len(values)
        parts.append((share * share * variance, len(values) - 1))
    square = sum(part for part, _ in parts)
    spread = sum(part * part / freedom for part, freedom in parts)
    return mean, math.sqrt(square), square * square / spread if spread > 0 else math.inf


def around(value: float, error: float | None, freedom: float, level: float) -> Interval:
    """Student's interval; open where there is no error."""
    if error is None:
        return OPEN
    from scipy.special import ndtri, stdtrit

    p = (1 + level) / 2
    half = error * float(ndtri(p) if math.isinf(freedom) else stdtrit(freedom, p))
    return Interval(value - half, value + half)
