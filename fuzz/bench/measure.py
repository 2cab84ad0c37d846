"""Rounds in turn: each measurement once a round, by CPU time, between two runs of a yardstick.

What else runs on the machine takes no CPU time of ours, but slows the core down: caches, memory, a sibling thread. The
yardstick, a loop that never changes, is slowed down too, so a comparison is one of ratios to it. Every figure is a
median with the 95% interval that goes with it.
"""

from __future__ import annotations

import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from percpu_fuzz.reports.statistics.intervals import quantile_ranks

NORMAL = 1.4826  # of a normal distribution: its standard deviation is so many median absolute deviations
MEDIAN_COST = 1.2533  # and the standard error of its median so many of its mean's
TWO_SPEEDS = 1.08  # a core that is so much faster at times has two speeds
YARDSTICK_LOOPS = 60_000
DEAR_ROUNDS = 3


@dataclass(slots=True)
class Measurement:
    """A measurement. run: does it once and gives CPU seconds and of how many units.

    Its figure is seconds / units, times scale, in `unit`. ready: called once before the first round. dear: it takes
    many seconds, so it has DEAR_ROUNDS turns, spread over all rounds, and none before the first.
    """

    part: str
    name: str
    unit: str
    scale: float
    run: Callable[[], tuple[float, float]]
    ready: Callable[[], None] = lambda: None
    dear: bool = False
    values: list[float] = field(default_factory=list)
    yards: list[float] = field(default_factory=list)


def cpu_seconds() -> float:
    """CPU time, user and system, of this process and of its children that have ended."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def timed(work: Callable[[], Any]) -> float:
    """CPU seconds of this process for one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def yardstick() -> None:
    """A loop of the interpreter over a list and a dictionary that fit the first cache."""
    cells, seen, x = [0] * 512, {}, 1
    for _ in range(YARDSTICK_LOOPS):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        cells[x & 511] += 1
        seen[x & 255] = x


def turns(one: Measurement, count: int) -> range:
    """In which of so many rounds it has its turn."""
    return range(0, count, -(-count // DEAR_ROUNDS) if one.dear else 1)


def rounds(measurements: Sequence[Measurement], count: int, say: Callable[[int, str], None]) -> None:
    """Run every measurement in so many rounds, in turn; say: gets how many are done and what is next."""
    for place, one in enumerate(measurements):
        say(0, f"getting ready, {place + 1} of {len(measurements)}: {one.part}")
        one.ready()
        if not one.dear:
            one.run()
    done = 0
    for number in range(count):
        before = timed(yardstick)
        for one in (one for one in measurements if number in turns(one, count)):
            say(done, f"{one.part}: {one.name}")
            cost, units = one.run()
            after = timed(yardstick)
            one.values.append(cost / units * one.scale)
            one.yards.append((before + after) / 2)
            before = after
            done += 1


def middle(values: Sequence[float]) -> tuple[float, float, float]:
    """The median and its distribution-free 95% interval; the whole range for less than six values."""
    ordered = sorted(values)
    low, high = quantile_ranks(len(ordered), 0.5)
    return statistics.median(ordered), ordered[(low or 1) - 1], ordered[(high or len(ordered)) - 1]


def noise_of(values: Sequence[float]) -> float:
    """Half of the 95% interval of the median, relative to it, by the median absolute deviation."""
    center = statistics.median(values)
    spread = statistics.median([abs(value - center) for value in values]) * NORMAL
    return 1.96 * MEDIAN_COST * spread / math.sqrt(len(values)) / center


def two_speeds(values: Sequence[float]) -> tuple[float, float] | None:
    """The medians of the faster and of the slower rounds, where these are two heaps; None where they are one.

    Two heaps: each at least a quarter of the rounds, a gap between them larger than either is wide, and 8% apart.
    """
    ordered = sorted(values)
    gaps = [(b - a, i + 1) for i, (a, b) in enumerate(pairwise(ordered))]
    gap, at = max(gaps, default=(0.0, 0))
    fast, slow = ordered[:at], ordered[at:]
    if min(len(fast), len(slow)) < max(2, len(ordered) / 4) or gap <= max(fast[-1] - fast[0], slow[-1] - slow[0]):
        return None
    below, above = statistics.median(fast), statistics.median(slow)
    return (below, above) if above >= TWO_SPEEDS * below else None


def row_of(one: Measurement) -> dict[str, Any]:
    """A measurement's figures, fit for JSON. relative: its median in units of the yardstick, with its noise."""
    median, low, high = middle(one.values)
    relative = [value / yard for value, yard in zip(one.values, one.yards, strict=True)]
    return {
        "part": one.part, "name": one.name, "unit": one.unit, "median": median, "low": low, "high": high,
        "relative": statistics.median(relative), "noise": noise_of(relative), "two_speeds": two_speeds(one.values),
        "rounds": one.values,
    }  # fmt: skip
