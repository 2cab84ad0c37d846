"""A recorded trace with what lies beside it: machine, snapshots, and where its pages were, from the best source.

placement.json where given or beside the trace; else page events in the trace itself, if the machine's zones are known;
else nothing, and the placement is modelled.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.fuzz.options import choice_option, topology_option
from percpu_fuzz.fuzz.progress import WatchedFile
from percpu_fuzz.strategies.fidelity.driven import SIZE_CLASS
from percpu_fuzz.strategies.trace.files import file_of, read_json
from percpu_fuzz.strategies.trace.one_pass import OnePass
from percpu_fuzz.strategies.trace.pages.page_events import PagesSeen
from percpu_fuzz.strategies.trace.pages.pages_in_time import SeenInTime
from percpu_fuzz.strategies.trace.pages.pfn_nodes import FrameNodes, import_frames
from percpu_fuzz.strategies.trace.pages.placement import Placement, import_placement
from percpu_fuzz.strategies.trace.pages.placement_check import check_placement
from percpu_fuzz.strategies.trace.states import Snapshot, import_states
from percpu_fuzz.strategies.trace.tracefs import Counts
from percpu_fuzz.strategies.trace.workload import Workload

OBSERVED, ACCOUNTED = "observed", "accounted"
CHARGES = (OBSERVED, ACCOUNTED)
ASSUMED_WORDS = (
    "assumed: every allocation with __GFP_ACCOUNT is charged, all to one cgroup; kernels charge fewer, as some callers "
    "carry the flag before they have a cgroup"
)
UNIT_PAGES = SIZE_CLASSES[SIZE_CLASS]["pages"]


class _Kernel(msgspec.Struct):
    kernel: str = ""


@dataclass(frozen=True, slots=True)
class RecordedFiles:
    """A trace that is to be read, and what was read of the files beside it.

    placement_file: where the placement was read from. frames: page frames of the nodes, where there is no placement
    and page events are to be looked for.
    """

    file: str
    kernel: str
    topology: Topology | None
    placement: Placement | None
    placement_file: str
    frames: FrameNodes | None
    snapshots: tuple[Snapshot, ...]
    charge: str

    @property
    def name(self) -> str:
        """The name of the run's folder."""
        return Path(self.file).resolve().parent.name

    def one_pass(self, source: io.RawIOBase) -> OnePass:
        """The trace's operations, to be gone through once."""
        seen = None
        if self.topology is not None and self.frames is not None:
            seen = PagesSeen(self.topology, self.frames)
        by_flag = self.charge == ACCOUNTED
        return OnePass(source, self.file, self.topology, self.placement, self.placement_file, seen, by_flag)

    def pages_of(self, trace: OnePass) -> SeenInTime | None:
        """Where pages lie, as the trace's own events say while it passes; None if it is not asked for them."""
        return None if trace.seen is None else SeenInTime(trace.seen, UNIT_PAGES, self.file)

    def placed_words(self, trace: OnePass) -> str | None:
        """Where pages lie according to whom, now that the trace has passed; None: nobody says."""
        if self.placement is not None:
            return self.placement_file
        if trace.seen is None or not trace.seen.placed:
            return None
        words = f"page events of the trace ({trace.seen.placed} populates"
        return words + (f", {trace.seen.unplaced} more could not be told)" if trace.seen.unplaced else ")")


def recorded_files(
    file: str, topology_path: str | None, placement_path: str | None = None, states: str | None = None,
    charge: str = OBSERVED, beside: bool = False,
) -> RecordedFiles:  # fmt: skip
    """Read what belongs to a trace. beside: machine and snapshots come from its folder where they are not given."""
    choice_option(charge, "--charge", CHARGES)
    folder = Path(file).parent
    machine = topology_path
    if machine is None and beside and (found := file_of(folder, "topology.json")) is not None:
        machine = str(found)
    topology = None if machine is None else topology_option(machine)
    if states is None and beside and (found := file_of(folder, "states.json")) is not None:
        states = str(found)
    where = file_of(folder, "placement.json") if placement_path is None else Path(placement_path)
    placement = None if where is None else import_placement(where)
    snapshots = () if states is None else import_states(Path(states))
    kernel = "" if machine is None else kernel_of(machine)
    frames = None if machine is None or placement is not None else frames_of(machine)
    return RecordedFiles(file, kernel, topology, placement, str(where), frames, snapshots, charge)


@dataclass(frozen=True, slots=True)
class RecordedInput:
    """A trace that was read whole. placed: where the placement comes from, in words; None: nobody says."""

    name: str
    kernel: str
    counts: Counts
    workload: Workload
    topology: Topology | None
    placement: Placement | None
    placed: str | None
    snapshots: tuple[Snapshot, ...]
    left_out: dict[str, int] = field(default_factory=dict)


def read_recorded(
    file: str, topology_path: str | None, placement_path: str | None = None, states: str | None = None,
    charge: str = OBSERVED, beside: bool = False,
) -> RecordedInput:  # fmt: skip
    """Read a trace and keep all of its operations (see recorded_files)."""
    files = recorded_files(file, topology_path, placement_path, states, charge, beside)
    placement = files.placement
    if placement is not None and files.topology is not None:
        check_placement(placement, files.topology, UNIT_PAGES, files.placement_file)
    with WatchedFile(Path(file), "trace") as source:
        trace = files.one_pass(source)
        operations = tuple(trace.operations)
    if trace.seen is not None:
        placement = trace.seen.placement()
    stream = trace.stream
    workload = Workload(
        operations, stream.unknown_frees, stream.lost_frees, stream.unpaired, stream.paired_by_size,
        stream.unknown_charged, stream.raw_of,
    )  # fmt: skip
    return RecordedInput(
        files.name, files.kernel, trace.counts, workload, files.topology, placement, files.placed_words(trace),
        files.snapshots, trace.left_out,
    )  # fmt: skip


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
