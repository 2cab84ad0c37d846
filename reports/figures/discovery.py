"""Discovery: how many kinds of violation the hunting stream has shown, and how likely the next case shows a new one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import HUNTING
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.value_types import Count


@dataclass(frozen=True, slots=True)
class Discovery:
    """The hunting stream's distinct signatures.

    points: (cases, distinct) after each batch that showed a new one. seen_once, seen_twice: signatures seen in one
    case, in two. risk: estimated number of new signatures in one more case, seen_once / cases (Good 1953), with Esty's
    interval (1983); open above while none was seen only once, since the spread is not known then. None before the first
    case.
    """

    cases: Count
    distinct: Count
    seen_once: Count
    seen_twice: Count
    points: tuple[tuple[Count, Count], ...]
    risk: float | None
    risk_interval: Interval


def discovery(campaign: Campaign, level: float = LEVEL) -> Discovery:
    """The hunting stream's curve and risk. Schedulers take turns there: the risk is that of their mixture."""
    seen = [found.cases for found in campaign.signatures[HUNTING].values()]
    cases = campaign.cases(HUNTING) - campaign.unknown(HUNTING)
    once, twice = seen.count(1), seen.count(2)
    points = tuple((at, distinct) for at, distinct in campaign.discoveries.get(HUNTING, ()))
    risk = once / cases if cases else None
    return Discovery(cases, len(seen), once, twice, points, risk, risk_interval(cases, once, twice, level))


def risk_interval(cases: int, once: int, twice: int, level: float = LEVEL) -> Interval:
    """Normal interval of the risk: variance (once * (1 - once / cases) + 2 * twice) / cases^2 (Esty 1983)."""
    if once == 0 or cases == 0:
        return Interval(0.0 if cases else None, None)
    from scipy.special import ndtri

    spread = math.sqrt(max(0.0, once * (1 - once / cases)) + 2 * twice) / cases
    half = float(ndtri((1 + level) / 2)) * spread
    return Interval(max(0.0, once / cases - half), once / cases + half)
