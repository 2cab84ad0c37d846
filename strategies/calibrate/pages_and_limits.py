"""Pages and limits: what recorded placements and limits say of the tables `place`, `step` and `max`.

A case populates one chunk of a few pages. So a recorded run is cut into windows of so many successive populates (about
eight pages), and each window is of the pattern that a case would need to look like it: all pages on the first node of
their zonelist (local); further along, but no CPU's node changes within the window (runs); a change within it (pressed:
a node fills up or empties); CPUs of one node split over two (independent). No window is spread on purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.calibrate.counts import Counts
from percpu_fuzz.strategies.draw.choices import KINDS, PLACE_INDEPENDENT, PLACE_LOCAL, PLACE_PRESSED, PLACE_RUNS
from percpu_fuzz.strategies.trace.cgroup_limits import CgroupLimits
from percpu_fuzz.strategies.trace.operations import AllocArea, MkCgroup, Operation, SnapEnd
from percpu_fuzz.strategies.trace.pages.placement import Placement, PopulateRecord
from percpu_fuzz.strategies.trace.states import Snapshot

POPULATES_A_WINDOW = 4
HEADROOMS = (-1, 0, 1, 2, 3, 5, 8, 16, 64, 130, 1024, 16384)  # pages; -1: no limit
STEP_IDS = tuple(range(len(KINDS["step"].values)))


@dataclass
class PagesOf(Counts):
    """Counts of one or more runs: windows by pattern, pages of windows in runs by step, all pages by step, and switches
    between successive pages of a CPU among so many pairs."""

    windows: Counter[int] = field(default_factory=Counter)
    run_steps: Counter[int] = field(default_factory=Counter)
    steps: Counter[int] = field(default_factory=Counter)
    switches: int = 0
    pairs: int = 0


def zonelist_steps(record: PopulateRecord, topology: Topology) -> list[list[int]]:
    """How far along its CPU's zonelist each page of a populate lies, by CPU and page; a node not in it is its end."""
    steps = {home: {node: i for i, node in enumerate(row)} for home, row in topology.zonelists.items()}
    return [
        [steps[cpu.node].get(node, len(steps[cpu.node])) for node in row]
        for cpu, row in zip(topology.cpus, record.node_by_cpu_by_page, strict=True)
    ]


def pages_of(placement: Placement, topology: Topology) -> PagesOf:
    """Count a run's backing pages."""
    found, homes = PagesOf(), [cpu.node for cpu in topology.cpus]
    every = [zonelist_steps(record, topology) for record in placement.populates]
    for cpu in range(len(homes)):
        row = [step for record in every for step in record[cpu]]
        found.steps.update(min(step, STEP_IDS[-1]) for step in row)
        found.switches += sum(a != b for a, b in pairwise(row))
        found.pairs += max(len(row) - 1, 0)
    for at in range(0, len(every) - POPULATES_A_WINDOW + 1, POPULATES_A_WINDOW):
        window = [
            [step for record in every[at : at + POPULATES_A_WINDOW] for step in record[c]] for c in range(len(homes))
        ]
        pattern = pattern_of(window, homes)
        found.windows[pattern] += 1
        if pattern == PLACE_RUNS:
            found.run_steps.update(min(step, STEP_IDS[-1]) for row in window for step in row)
    return found


def pattern_of(window: list[list[int]], homes: list[int]) -> int:
    """The pattern of a window: steps by CPU, pages in the order of time."""
    by_home: dict[int, list[list[int]]] = {}
    for home, row in zip(homes, window, strict=True):
        by_home.setdefault(home, []).append(row)
    if any(row != rows[0] for rows in by_home.values() for row in rows):
        return PLACE_INDEPENDENT
    if any(len(set(row)) > 1 for row in window):
        return PLACE_PRESSED
    return PLACE_LOCAL if all(step == 0 for row in window for step in row) else PLACE_RUNS


@dataclass
class Headrooms(Counts):
    """Charged allocations by the pages that limits left at the next snapshot, cut to HEADROOMS; unknown: how many have
    none that is known: a limited cgroup without memory.current then, one whose limit no mark tells, no later snapshot.
    """

    found: Counter[int] = field(default_factory=Counter)
    unknown: int = 0


def headroom_pages(limits: CgroupLimits, cg: int, current: dict[int, int | None], page_bytes: int) -> int | None:
    """The least of limit - memory.current over a cgroup and its ancestors, pages; -1 without a limit.

    None where a limit, or the memory.current of a limited cgroup, is not known.
    """
    over = [(limit, current.get(level)) for level, limit in limits.over(cg)]
    if not limits.knows_all_over(cg) or any(used is None for _, used in over):
        return None
    return min((max(limit - (used or 0), 0) // page_bytes for limit, used in over), default=-1)


def headrooms_of(operations: Iterable[Operation], snapshots: tuple[Snapshot, ...], page_bytes: int) -> Headrooms:
    """The headrooms of a run's charged allocations."""
    by_phase = {snapshot.phase: snapshot for snapshot in snapshots}
    limits, out = CgroupLimits(), Headrooms()
    made: Counter[int] = Counter()
    for o in operations:
        if isinstance(o, MkCgroup) and (limits.knows(o.cg) or o.cg in made):
            # The inode number is another cgroup's now, whose limit says nothing of what lay below the one before.
            for cg in [cg for cg in made if o.cg in limits.chain(cg)]:
                out.unknown += made.pop(cg)
        limits.follow(o)
        if isinstance(o, AllocArea) and o.cg is not None:
            made[o.cg] += 1
        elif isinstance(o, SnapEnd) and o.name in by_phase:
            current = {row.ino: row.current_bytes for row in by_phase[o.name].cgroups.values()}
            for cg, n in made.items():
                pages = headroom_pages(limits, cg, current, page_bytes)
                if pages is None:
                    out.unknown += n
                else:
                    out.found[cut(pages)] += n
            made.clear()
    out.unknown += made.total()
    return out


def cut(pages: int) -> int:
    """The largest of HEADROOMS that is not above."""
    return max(value for value in HEADROOMS if value <= pages)
