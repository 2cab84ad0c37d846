"""The quantities that batches count of a probe or a case: one row each, for every report, compare and --stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.numbers import figure, number
from percpu_fuzz.reports.statistics.intervals import Interval, Quantile

PAGE_LEAST = 4096
METADATA_BYTES = 16 // 4  # a byte of an area: an entry of at most 16 bytes for each 4
METADATA_PAGES = 8 * METADATA_BYTES  # of an area of at most 8 pages


def waste_most(variant: Variant | None, nodes: int, size_bytes: int) -> int | None:
    """The most pages that a probe wastes on a machine of so many nodes; None if nothing bounds it.

    The variant precharges ceil((payload + metadata) / page) + (a + b) N + c pages at most, v1 at most N or the
    payload's pages, and at least ceil(payload / page) are used.
    """
    if variant is None or variant.round:
        return None
    added = nodes if variant.precharge_short else (variant.precharge_a + variant.precharge_b) * nodes
    metadata = -(-METADATA_BYTES * size_bytes // PAGE_LEAST)
    return max(added, 0) + max(variant.precharge_c, 0) + 1 + min(metadata, METADATA_PAGES)


def rounding_most(variant: Variant | None, nodes: int, size_bytes: int) -> int | None:
    """The most sixteenths of a page that rounding up leaves: each node less than a page; None if nothing bounds it."""
    return None if variant is None or variant.round else 16 * nodes - 1


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity.

    histogram: its name in a batch's outcome; criterion: its name in --stop; words: the head of its column; unit: of
    what is shown; scale: so many stored units are one of those; most: (variant, nodes, bytes of the allocation at most)
    to the largest stored value, None if nothing bounds it.
    """

    histogram: str
    criterion: str
    words: str
    unit: str
    scale: int = 1
    most: Callable[[Variant | None, int, int], int | None] = lambda variant, nodes, size_bytes: None

    def bound(
        self, counted: Histogram, variant: Variant | None, nodes: int, size_bytes: int = 8 * PAGE_LEAST
    ) -> int | None:
        """The largest value that can be, unless one that was counted is beyond it: then nothing is said."""
        return held_to(counted, self.most(variant, nodes, size_bytes))

    def value_words(self, value: float | None) -> str:
        """A stored value in the unit shown: 1,057; '-' for None."""
        if value is None:
            return "-"
        return number(int(value)) if self.scale == 1 else figure(value / self.scale)

    def quantile_words(self, q: Quantile) -> str:
        """40 [38, 44]; '-' for an open end."""
        low, high = self.value_words(q.interval.low), self.value_words(q.interval.high)
        return f"{self.value_words(q.value)} [{low}, {high}]"

    def mean_words(self, mean: float, interval: Interval) -> str:
        """A mean of stored values and its interval in the unit shown: 1.25 [1.10, 1.40]; '-' for an open end."""
        low, high = (figure(None if end is None else end / self.scale) for end in (interval.low, interval.high))
        return f"{figure(mean / self.scale)} [{low}, {high}]"


WASTE = Quantity("waste_pages", "waste", "pages wasted", "pages", most=waste_most)
SHARE = Quantity("share_percent", "share", "% of precharge", "percent", most=lambda variant, nodes, size_bytes: 100)
ROUNDING = Quantity("rounding_bytes16", "rounding", "rounding, pages", "pages", 16, rounding_most)
MISPLACED = Quantity("misplaced_bytes", "misplaced", "bytes amiss", "bytes")
IN_FLIGHT = Quantity("in_flight_pages", "in_flight", "pages in flight", "pages")
QUANTITIES = {q.histogram: q for q in (WASTE, SHARE, ROUNDING, MISPLACED, IN_FLIGHT)}


def held_to(histogram: Histogram, most: int | None) -> int | None:
    """The bound, unless a value is beyond it: then it does not hold, and nothing is said."""
    inside = most is not None and (not histogram or (min(histogram) >= 0 and max(histogram) <= most))
    return most if inside else None
