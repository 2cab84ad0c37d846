"""The histograms of an Outcome: their names, and how several values of a probe are packed into one key.

Batches write them (strategies/run/batch.py), reports read them. Keys are not negative.
"""

from __future__ import annotations

PRECHARGE_USED = "precharge_used"  # (group * PAIR + precharge) * PAIR + used; group = nodes * 2 + must not block
PRECHARGE_BASE = (
    "precharge_base"  # precharge * PAIR + pages that the kernel before the series asks for, its stock empty
)
MISPLACED_WHERE = "misplaced_where"  # (place * SIZE_CELLS + size) * AMISS + bytes, of probes with bytes amiss alone

PAIR = 1 << 20  # in "waste_by_<what>": what * PAIR + waste
SIZE_CELLS = 64  # in "cell_<what>": nodes * SIZE_CELLS + ceil(log2(size_bytes))
AMISS = 1 << 40
ROUNDING_PARTS = 16  # "rounding_bytes16" counts sixteenths of a page

PLACES = ("local", "under pressure", "page by page", "spread", "in runs")  # where pages fall, by number (PLACE_*)

# Of every charged allocation of a case, by its value: a case has PARTS parts, dealt out over its allocations that ask
# to be accounted as evenly as whole parts can be (as the probe's pick falls). What the sums over cases of X, of X^2 and
# of D X grow by at a value, with X a case's parts at or below it and D all that lie on charged ones; and, among the
# counts, the sum over cases of Y^2, with Y a case's values times their parts.
PARTS = 64
OF_PARTS, OF_SQUARES, OF_PRODUCTS, OF_VALUE_SQUARES = ".parts", ".squares", ".products", ".value_squares"
EVERY_ALLOCATION = ("waste_pages", "share_percent")  # the histograms of probes that have these beside them
