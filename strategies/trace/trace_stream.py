"""TraceStream: a trace read once, from its bytes to operations, with the checks that need no more than one pass."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.trace.charged_by_flag import charged_by_flag
from percpu_fuzz.strategies.trace.events import Event
from percpu_fuzz.strategies.trace.operations import AllocArea, Operation
from percpu_fuzz.strategies.trace.pages.page_events import PAGE_PAYLOADS, PagesSeen
from percpu_fuzz.strategies.trace.pages.placement_check import PopulatesSeen
from percpu_fuzz.strategies.trace.payload import PAYLOADS
from percpu_fuzz.strategies.trace.possible_cpus import CostRatios, check_possible_cpus
from percpu_fuzz.strategies.trace.tracefs import LineCounts, read_events
from percpu_fuzz.strategies.trace.workload import WorkloadStream

LOOK_AFTER = 1000  # operations: a trace of another machine is refused then, and not at the end of a gigabyte
NO_COSTS = "the trace has no bytes_alloc: possible CPUs not checked"
TRACE_LEFT_OUT = {
    "unknown_frees": "frees of areas from before the trace",
    "lost_frees": "areas whose free is not in the trace",
    "unpaired": "charges and uncharges that belong to no allocation or free",
    "paired_by_size": "charges paired by task, offset and size (hashed pointers beside raw ones)",
    "costs_that_disagree": "allocations whose bytes_alloc fits another number of CPUs",
}


class TraceStream:
    """`operations` can be gone through once; counts, left_out and cpus (in words) are whole after that.

    Takes memory for what lives, not for what has passed. InputError for a trace of another machine than `topology`
    (None: not known, not checked), or a placement of another run. pages: reads page events too, and takes them in.
    populates: of the placement, which must be this trace's. by_flag: charged is every allocation with __GFP_ACCOUNT
    that no Post names. events: takes in all events but those of pages, which does need memory for what has passed.
    """

    def __init__(
        self, source: Path | io.RawIOBase, name: str, topology: Topology | None = None, by_flag: bool = False,
        pages: PagesSeen | None = None, populates: PopulatesSeen | None = None, events: list[Event] | None = None,
    ) -> None:  # fmt: skip
        self.counts, self.ratios, self.cpus = LineCounts(), CostRatios(), ""
        self.with_flags = self.without_flags = 0
        self.name, self.topology = name, topology
        self.pages, self.populates, self.events = pages, populates, events
        self.workload = WorkloadStream(self._events(source))
        self.operations = charged_by_flag(self._checked()) if by_flag else self._checked()

    @property
    def unknown_charged(self) -> int:
        return self.workload.unknown_charged

    @property
    def says_no_flags(self) -> bool:
        """Whether none of the allocations so far names gfp flags: kernels before 5.19 do not print them."""
        return self.without_flags > 0 == self.with_flags

    @property
    def left_out(self) -> dict[str, int]:
        """By the names of TRACE_LEFT_OUT."""
        found = {name: getattr(self.workload, name) for name in TRACE_LEFT_OUT if hasattr(self.workload, name)}
        return found | {"costs_that_disagree": self.ratios.disagreeing}

    def _events(self, source: Path | io.RawIOBase) -> Iterable[Event]:
        events: Iterable[Event] = read_events(source, self.counts, PAYLOADS if self.pages is None else PAGE_PAYLOADS)
        events = events if self.pages is None else self.pages.watch(events)
        events = events if self.populates is None else self.populates.watch(events)
        return events if self.events is None else self._kept(events, self.events)

    def _kept(self, events: Iterable[Event], into: list[Event]) -> Iterator[Event]:
        for event in events:
            into.append(event)
            yield event

    def _checked(self) -> Iterator[Operation]:
        ratios = self.ratios
        for seen, operation in enumerate(self.workload.operations):
            ratios.add(operation)
            if type(operation) is AllocArea:
                self.with_flags += bool(operation.gfp)
                self.without_flags += not operation.gfp
            if seen == LOOK_AFTER and self.topology is not None and (ratio := ratios.so_far) is not None:
                check_possible_cpus(ratio, self.topology, self.name)
            yield operation
        if self.topology is not None:
            ratio = ratios.ratio(self.name)
            self.cpus = NO_COSTS if ratio is None else check_possible_cpus(ratio, self.topology, self.name)
        if self.populates is not None:
            self.populates.check()
