"""A recorded trace with what lies beside it: machine, snapshots, and where its pages were, from the best source.

placement.json where given or beside the trace; else page events in the trace itself, if the machine's zones are known;
else nothing, and the placement is modelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.errors import InputError
from engine.topology import Topology
from fuzz.options import choice_option, topology_option
from strategies.recorded.assumed import charged_by_flag
from strategies.recorded.fidelity import file_of
from strategies.recorded.files import read_json
from strategies.recorded.page_events import PAGE_PAYLOADS, PagesSeen
from strategies.recorded.pfn_nodes import FrameNodes, import_frames
from strategies.recorded.placement import Placement, import_placement
from strategies.recorded.states import Snapshot, import_states
from strategies.recorded.tracefs import Counts, read_events
from strategies.recorded.workload import Workload, build_workload

OBSERVED, ACCOUNTED = "observed", "accounted"
CHARGES = (OBSERVED, ACCOUNTED)
ASSUMED_WORDS = (
    "assumed: every allocation with __GFP_ACCOUNT is charged, all to one cgroup; kernels charge fewer, as some callers "
    "carry the flag before they have a cgroup"
)


class _Kernel(msgspec.Struct):
    kernel: str = ""


@dataclass(frozen=True, slots=True)
class RecordedInput:
    """What was read. placed: where the placement comes from, in words; None: it is to be modelled."""

    name: str
    kernel: str
    counts: Counts
    workload: Workload
    topology: Topology | None
    placement: Placement | None
    placed: str | None
    snapshots: tuple[Snapshot, ...]
    charge: str


def read_recorded(
    file: str, topology_path: str | None, placement_path: str | None = None, states: str | None = None,
    charge: str = OBSERVED, beside: bool = False,
) -> RecordedInput:  # fmt: skip
    """Read a trace. beside: machine and snapshots come from its folder where they are not given."""
    choice_option(charge, "--charge", CHARGES)
    path = Path(file)
    machine = topology_path
    if machine is None and beside and (found := file_of(path.parent, "topology.json")) is not None:
        machine = str(found)
    topology = None if machine is None else topology_option(machine)
    if states is None and beside and (found := file_of(path.parent, "states.json")) is not None:
        states = str(found)
    where = file_of(path.parent, "placement.json") if placement_path is None else Path(placement_path)
    counts = Counts()
    if where is not None or machine is None or topology is None or (frames := frames_of(machine)) is None:
        placement = None if where is None else import_placement(where)
        workload, placed = build_workload(read_events(path, counts)), None if where is None else str(where)
    else:
        seen = PagesSeen(topology, frames)
        workload = build_workload(seen.watch(read_events(path, counts, PAGE_PAYLOADS)))
        placement = seen.placement()
        placed = None if placement is None else page_event_words(placement, seen.unplaced)
    if charge == ACCOUNTED:
        workload = charged_by_flag(workload)
    snapshots = () if states is None else import_states(Path(states))
    kernel = "" if machine is None else kernel_of(machine)
    return RecordedInput(
        path.resolve().parent.name, kernel, counts, workload, topology, placement,
        placed, snapshots, charge,
    )  # fmt: skip


def page_event_words(placement: Placement, unplaced: int) -> str:
    words = f"page events of the trace ({len(placement.populates)} populates"
    return words + (f", {unplaced} more could not be told)" if unplaced else ")")


def topology_json_of(machine: str) -> Path | None:
    """The topology.json that --topology means; None for a name or another format."""
    path = Path(machine)
    found = file_of(path, "topology.json") if path.is_dir() else path
    return found if found is not None and found.is_file() else None


def frames_of(machine: str) -> FrameNodes | None:
    """The page frames of the machine's nodes, None where its description has none."""
    path = topology_json_of(machine)
    try:
        return None if path is None else import_frames(path)
    except InputError:
        return None  # another format, which topology_option has read


def kernel_of(machine: str) -> str:
    """The first words of the kernel's version, "" where the machine's description has none."""
    path = topology_json_of(machine)
    try:
        words = "" if path is None else read_json(path, _Kernel, "").kernel
    except InputError:
        return ""
    return " ".join(words.split()[:3])[:120]
