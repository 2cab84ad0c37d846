"""A weighted quantile from averages over the charged allocations of a case, for a number of cases fixed beforehand.

x is at or above the q-quantile iff the sum over families of share E(X(x) - q D) is not negative, with X(x) the share of
a case that is charged and at or below x and D the share that is charged (averages.py). That sum is a mean of bounded
terms as in bernstein.py, with X for Y, q for m and 1 for the most. Only two places can err: the lower end if the sum's
upper bound at the quantile is below 0, the upper end if its lower bound just below the quantile is not; so nothing is
paid for looking at all x. The bounds need not grow with x, since the spread is estimated at each: the lower end is the
first place that may be one, the upper end lies behind the last that may lie below.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.bernstein import BERNSTEIN_CASES_LEAST, Part, bound_of_known
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval, Quantile
from percpu_fuzz.reports.statistics.strata import Stratum, pooled_quantile, rows_of_averages

AveragesRow = tuple[
    float, int, Averages, int | None
]  # share, cases, averages, the most that a value can be; as in strata.py
HAIR = 1e-12
ENDS = 2  # the quantile, and just below it


def quantile_of(strata: Sequence[Stratum], q: float, level: float = LEVEL) -> Quantile | None:
    """The weighted q-quantile: from averages where every stratum has them, else from the probes; None without one."""
    rows = rows_of_averages(strata)
    return pooled_quantile(strata, q, level) if rows is None else averaged_quantile(rows, q, level)


def averaged_quantile(rows: Sequence[AveragesRow], q: float, level: float = LEVEL) -> Quantile | None:
    """The q-quantile of values that are at least 0, and its interval; None without a charged allocation.

    An end is None where the cases do not bound it and not every family has a most.
    """
    import numpy as np

    values = sorted({value for _, _, found, _ in rows for value in found.parts})
    if not values:
        return None
    mosts = [most for *_, most in rows if most is not None]
    values = sorted({*values, *mosts})
    at = [values[0] - 1, *values]
    parts = [part_at(row, at) for row in rows]
    middle = sum(part.share * part.middle(q) for part in parts if part.cases)
    known = [part for part in parts if not part.bare()]
    low, high = (bound_of_known(known, q, level, sign, ENDS) + bare_range(rows, at, q, sign) for sign in (-1, 1))
    first = int(np.argmax(np.asarray(middle)[1:] >= -HAIR))
    may_be = np.flatnonzero(high >= 0)
    may_lie_below = np.flatnonzero(low < 0)
    least, most = (0, max(mosts)) if len(mosts) == len(rows) else (None, None)
    bottom = least if may_be[0] == 0 else at[may_be[0]]
    top = at[may_lie_below[-1] + 1] if may_lie_below[-1] + 1 < len(at) else most
    return Quantile(values[first], Interval(bottom, top))


def part_at(row: AveragesRow, values: Sequence[int]) -> Part:
    """A family's sums of X at each value, for Bernstein's inequality."""
    share, cases, found, _ = row
    below, squares, products = found.at(values)
    return Part(share, cases, found.charged, below, squares, products, found.charged_squares, 1.0)


def bare_range(rows: Sequence[AveragesRow], values: Sequence[int], q: float, sign: int) -> Any:
    """What families of too few cases can add to the sum at most (sign 1) or at least: an array by value.

    X is at most D; from a family's most on it is D.
    """
    import numpy as np

    total = np.zeros(len(values))
    for share, cases, _, most in rows:
        if cases >= BERNSTEIN_CASES_LEAST:
            continue
        ends_here = np.array([most is not None and value >= most for value in values])
        total += share * ((1 - q) if sign > 0 else np.where(ends_here, 0.0, -q))
    return total
