"""Which node a page frame belongs to, by the zones of a topology.json: first frame and how many each spans."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace.files import read_json

ALLOWED = "a recorded run's topology.json with start_pfn and spanned of each zone"
FRAMES_MOST = 1 << 52


class _Zone(msgspec.Struct):
    node: int
    spanned: int
    start_pfn: int = 0


class _Node(msgspec.Struct):
    zones: list[_Zone]


class _Machine(msgspec.Struct):
    nodes: dict[int, _Node]


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


def import_frames(path: Path) -> FrameNodes | None:
    """The zones of a topology.json; None if none of them says where it begins. InputError for what cannot be read."""
    machine = read_json(path, _Machine, ALLOWED)
    zones = sorted(
        (zone.start_pfn, zone.start_pfn + zone.spanned, zone.node)
        for node in machine.nodes.values()
        for zone in node.zones
        if zone.spanned > 0 and zone.start_pfn > 0
    )
    for start, end, node in zones:
        if end > FRAMES_MOST:
            raise InputError(
                str(path), f"node {node}: a zone of frames {start} to {end}", f"frames below {FRAMES_MOST}"
            )
    return FrameNodes(*map(tuple, zip(*zones, strict=True))) if zones else None
