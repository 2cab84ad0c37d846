"""What a figure cannot exceed, from the machines of a family and the variant's own precharge formula."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.engine.topology import MAX_NODES
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.invariants import described_variant

PAGE_LEAST = 4096
METADATA_BYTES = 16 // 4  # a byte of an area: an entry of at most 16 bytes for each 4
METADATA_PAGES = 8 * METADATA_BYTES  # of an area of at most 8 pages
HUGE_NODES = 64  # families on machines of more nodes are also shown apart: few of their cases can be run


def nodes_of(campaign: Campaign) -> dict[str, tuple[int, int]]:
    """Fewest and most possible nodes of a machine of each family; any number where it was not recorded."""
    return _ranges(campaign, "nodes", MAX_NODES)


def cpus_of(campaign: Campaign) -> dict[str, tuple[int, int]]:
    """Fewest and most possible CPUs of a machine of each family; any number where it was not recorded."""
    return _ranges(campaign, "cpus", 1 << 20)


def _ranges(campaign: Campaign, name: str, most: int) -> dict[str, tuple[int, int]]:
    kept = campaign.describe.get(name, {})
    return {family: (kept[family][0], kept[family][1]) if family in kept else (1, most) for family in campaign.weights}


def huge_families(campaign: Campaign) -> list[str]:
    """Families of which every machine has more than HUGE_NODES nodes."""
    return [name for name, (fewest, _) in nodes_of(campaign).items() if fewest > HUGE_NODES]


def largest(campaign: Campaign, quantity: str, nodes: int, size_bytes: int = 8 * PAGE_LEAST) -> int | None:
    """The largest value that a quantity can have on machines of so many nodes; None if nothing bounds it.

    size_bytes: of the allocation at most, which bounds its metadata as far as that is below METADATA_PAGES. Waste: the
    variant precharges ceil((payload + metadata) / page) + (a + b) N + c pages at most, v1 at most N or the payload's
    pages, and at least ceil(payload / page) are used. Rounding: each node leaves less than a page.
    """
    variant = described_variant(campaign.describe)
    if quantity == "share_percent":
        return 100
    if variant is None or variant.round:
        return None
    if quantity == "waste_pages":
        added = nodes if variant.precharge_short else (variant.precharge_a + variant.precharge_b) * nodes
        metadata = -(-METADATA_BYTES * size_bytes // PAGE_LEAST)
        return max(added, 0) + max(variant.precharge_c, 0) + 1 + min(metadata, METADATA_PAGES)
    return 16 * nodes - 1 if quantity == "rounding_bytes16" else None


def held_to(histogram: Histogram, most: int | None) -> int | None:
    """The bound, unless a value is beyond it: then it does not hold, and nothing is said."""
    inside = most is not None and (not histogram or (min(histogram) >= 0 and max(histogram) <= most))
    return most if inside else None
