"""RecordedRun: a trace and what lies beside it, each found by one rule, read when first asked for, and kept.

    percpu.trace      what happened; a file of any other name where it is given by itself
    topology.json     the machine: nodes, CPUs, page frames of its nodes, kernel
    dmesg-boot.txt    sizes of the first chunk
    states.json       snapshots of memory.stat, or states.txt as the snapshot script prints them
    placement.json    the node of each backing page

The rule: what is named, else the file of that name in the folder of the trace, plain or gzip. Where pages lay is told
by the best source: the placement; else page events in the trace itself, if the machine's page frames are known; else
nobody.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from percpu_fuzz.engine.core.records import SIZE_CLASSES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.machines.boot_log import FirstChunk, read_boot_log
from percpu_fuzz.strategies.machines.importing import find_machine
from percpu_fuzz.strategies.machines.machine import Imported
from percpu_fuzz.strategies.reading import file_of
from percpu_fuzz.strategies.trace.events import Event
from percpu_fuzz.strategies.trace.operations import Operation
from percpu_fuzz.strategies.trace.pages.page_events import PagesSeen
from percpu_fuzz.strategies.trace.pages.pages_in_time import PagesInTime
from percpu_fuzz.strategies.trace.pages.placement import Placement, import_placement
from percpu_fuzz.strategies.trace.pages.placement_check import PopulatesSeen, check_placement
from percpu_fuzz.strategies.trace.payload import PAGES_MOST
from percpu_fuzz.strategies.trace.states import Snapshot, import_states
from percpu_fuzz.strategies.trace.trace_stream import TraceStream

OBSERVED, ACCOUNTED = "observed", "accounted"
CHARGES = (OBSERVED, ACCOUNTED)
ASSUMED_WORDS = (
    "assumed: every allocation with __GFP_ACCOUNT is charged, all to one cgroup; kernels charge fewer, as some callers "
    "carry the flag before they have a cgroup"
)
UNIT_PAGES = SIZE_CLASSES["trace"]["pages"]


def beside(trace: Path, name: str, given: str | None = None) -> str | None:
    """What is given, else the path of that file in the folder of the trace; None if there is none."""
    if given is not None:
        return given
    found = file_of(trace.parent, name)
    return None if found is None else str(found)


def needed_file(folder: Path, name: str) -> Path:
    """The path of a file in a run's folder, plain or gzip. InputError if it is not there."""
    found = file_of(folder, name)
    if found is None:
        raise InputError(str(folder), f"no {name}", f"a recorded run: a folder with {name}, plain or gzip")
    return found


@dataclass(frozen=True)
class RecordedRun:
    """The parts of a run as named; `machine`, `snapshots` and `placement` are read when first asked for.

    topology_name: the name of a machine, or a path. charge: what counts as charged, one of CHARGES. InputError for a
    file that cannot be read, in one line.
    """

    trace: Path
    topology_name: str | None = None
    states_file: str | None = None
    placement_file: str | None = None
    charge: str = OBSERVED

    def __post_init__(self) -> None:
        if self.charge not in CHARGES:
            raise InputError("--charge", repr(self.charge), ", ".join(CHARGES))

    @classmethod
    def of(
        cls, trace: str | Path, topology: str | None = None, states: str | None = None, placement: str | None = None,
        charge: str = OBSERVED,
    ) -> RecordedRun:  # fmt: skip
        """A trace with what is named or lies beside it."""
        trace = Path(trace)
        return cls(
            trace, beside(trace, "topology.json", topology),
            beside(trace, "states.json", beside(trace, "states.txt", states)),
            beside(trace, "placement.json", placement), charge,
        )  # fmt: skip

    @classmethod
    def of_folder(cls, folder: Path, machine: Path | None = None) -> RecordedRun:
        """The run in a folder. machine: where the machine is read if there is no topology.json.

        InputError if it has no percpu.trace, or nobody says which machine it was.
        """
        trace = needed_file(folder, "percpu.trace")
        named = file_of(folder, "topology.json") or machine or needed_file(folder, "topology.json")
        return cls.of(trace, str(named))

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.trace.resolve().parent.name

    @cached_property
    def machine(self) -> Imported | None:
        """The recorded machine; None if nobody says which it was."""
        return None if self.topology_name is None else find_machine(self.topology_name, "--topology")

    @property
    def topology(self) -> Topology:
        """That of the machine. InputError if nobody says which it was."""
        if self.machine is None:
            raise InputError(str(self.trace), "no topology.json beside it", "a machine, which --topology names")
        return self.machine.topology

    @property
    def kernel(self) -> str:
        """The first words of the kernel's version; "" if nobody says."""
        return "" if self.machine is None else self.machine.kernel

    @cached_property
    def first_chunk(self) -> FirstChunk:
        """Sizes of the first chunk by the boot log beside the machine, else beside the trace."""
        known = None if self.machine is None else self.machine.first_chunk
        return read_boot_log(self.trace.parent) if known is None else known

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Of memory.stat, in order; empty if there is no such file."""
        return () if self.states_file is None else import_states(Path(self.states_file))

    @cached_property
    def placement(self) -> Placement | None:
        """Of the backing pages; None if there is no such file. InputError if it is another machine's."""
        if self.placement_file is None:
            return None
        found = import_placement(Path(self.placement_file))
        if self.machine is not None:
            check_placement(found, self.topology, PAGES_MOST, self.placement_file)
        return found

    def load(self) -> RecordedRun:
        """The same, with all read that lies beside the trace, so that what is refused is refused before it is read."""
        for part in ("machine", "placement", "snapshots"):
            getattr(self, part)
        return self

    def stream(self, source: Path | io.RawIOBase, events: list[Event] | None = None) -> TraceStream:
        """The trace, read from `source` as it comes. events: takes in events, and pages are not looked for in them."""
        self.load()
        pages = populates = None
        machine, by_flag = self.machine, self.charge == ACCOUNTED
        if self.placement is not None:
            populates = PopulatesSeen(self.placement, self.placement_file or "placement")
        elif events is None and machine is not None and machine.frames is not None:
            pages = PagesSeen(machine.topology, machine.frames)
        topology = None if machine is None else machine.topology
        return TraceStream(source, str(self.trace), topology, by_flag, pages, populates, events)

    def pages_in_time(self, stream: TraceStream) -> PagesInTime | None:
        """Where pages lie, as the stream's own page events say while it passes; None if it does not look for them."""
        return None if stream.pages is None else PagesInTime(stream.pages.records, UNIT_PAGES, str(self.trace))

    def placed_words(self, stream: TraceStream) -> str | None:
        """Where pages lie according to whom, now that the stream has passed; None: nobody says."""
        if self.placement is not None:
            return self.placement_file
        if stream.pages is None or not stream.pages.placed:
            return None
        words = f"page events of the trace ({stream.pages.placed} populates"
        return words + (f", {stream.pages.unplaced} more could not be told)" if stream.pages.unplaced else ")")

    def read(self, source: Path | io.RawIOBase | None = None, keep_events: bool = False) -> ReadTrace:
        """The trace read to its end, from its file if no source is given, and all of its operations kept.

        keep_events: its events too, and pages are not looked for in them.
        """
        stream = self.stream(self.trace if source is None else source, [] if keep_events else None)
        operations = tuple(stream.operations)
        return ReadTrace(self, stream, operations, self.placement if stream.pages is None else stream.pages.placement())


@dataclass(frozen=True, slots=True)
class ReadTrace:
    """The trace of a run, read to its end: `stream` has passed, and says what it saw."""

    run: RecordedRun
    stream: TraceStream
    operations: tuple[Operation, ...]
    placement: Placement | None

    @property
    def unknown_charged(self) -> int:
        return self.stream.unknown_charged
