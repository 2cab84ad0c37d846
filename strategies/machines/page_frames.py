"""Page frames: which node a page frame belongs to, by the zones of the nodes: first frame and how many each spans."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

FRAMES_MOST = 1 << 52


@dataclass(frozen=True, slots=True)
class FrameNodes:
    """starts, ends and nodes of the zones by first frame; those of two nodes may overlap."""

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    nodes: tuple[int, ...]

    def node_of(self, pfn: int) -> int | None:
        """The node of a page frame; None outside of all zones, and where zones of two nodes span it."""
        place = bisect_right(self.starts, pfn)
        found = {self.nodes[i] for i in range(place) if pfn < self.ends[i]}
        return found.pop() if len(found) == 1 else None


def frames_of(zones: Iterable[tuple[int, int, int]]) -> FrameNodes | None:
    """From (first frame, frames spanned, node) of each zone; None if none begins anywhere, or one is beyond any."""
    found = sorted((start, start + spanned, node) for start, spanned, node in zones if spanned > 0 and start > 0)
    if not found or max(end for _, end, _ in found) > FRAMES_MOST:
        return None
    return FrameNodes(*map(tuple, zip(*found, strict=True)))
