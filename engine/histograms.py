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
