"""TraceStream: a trace read once, from its bytes to operations, with the checks that need no more than one pass."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.trace.events import Event
from percpu_fuzz.strategies.trace.operations import ROOT, AllocArea, MkCgroup, Operation
from percpu_fuzz.strategies.trace.pages.page_events import PAGE_PAYLOADS, PagesSeen
from percpu_fuzz.strategies.trace.pages.placement_check import PopulatesSeen
from percpu_fuzz.strategies.trace.payload import PAYLOADS
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


# For traces that do not say what was charged (plain percpu tracepoints): charged is what has __GFP_ACCOUNT. An
# assumption, and too much at that: some callers carry the flag and are never charged.
ACCOUNTING_FLAGS = {"GFP_KERNEL_ACCOUNT", "__GFP_ACCOUNT"}
ASSUMED_CGROUP = (1 << 62) + 1  # no inode number
ASSUMED_PATH = "/assumed"


def charged_by_flag(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Every area with the flag charged to one cgroup below the root, there from the beginning.

    Areas that a Post has charged keep their cgroup.
    """
    begun = False
    for o in operations:
        if not begun:
            begun = True
            yield MkCgroup(o.t, ASSUMED_CGROUP, ASSUMED_PATH, ROOT, None)
        charged = isinstance(o, AllocArea) and o.cg is None and not ACCOUNTING_FLAGS.isdisjoint(o.gfp)
        yield replace(o, cg=ASSUMED_CGROUP) if charged else o


# Possible CPUs as a trace tells them: bytes_alloc = size * C + size / 4 * E, so bytes_alloc / size is C + 2 for 8 bytes
# of metadata a granule, C + 4 for 16, and C itself where accounting is switched off at boot. Kernels before 5.19 do not
# trace bytes_alloc.
EXTRA_CPUS = {2: "8 bytes of metadata", 4: "16 bytes of metadata", 0: "no accounting"}
AGREE_LEAST = 0.99  # of the allocations: the rest may be damaged lines


class CostRatios:
    """Counts bytes_alloc / size of allocations as they pass."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, int]] = Counter()

    def add(self, o: Operation) -> None:
        if type(o) is AllocArea and o.bytes_alloc > 0:
            self.counts[divmod(o.bytes_alloc, o.size_bytes)] += 1

    @property
    def disagreeing(self) -> int:
        """Allocations that do not cost what most do."""
        return self.counts.total() - max(self.counts.values(), default=0)

    @property
    def so_far(self) -> int | None:
        """The ratio of most allocations so far, None if there is none."""
        (ratio, rest), often = next(iter(self.counts.most_common(1)), ((0, 1), 0))
        return None if rest or 2 * often <= self.counts.total() else ratio

    def ratio(self, where: str) -> int | None:
        """The ratio of at least 99%, None if the trace has no bytes_alloc. InputError if they disagree."""
        if not self.counts:
            return None
        (ratio, rest), often = self.counts.most_common(1)[0]
        if rest or often < AGREE_LEAST * self.counts.total():
            given = f"bytes_alloc / size differs: {ratio} and {rest}/size {often} times of {self.counts.total()}"
            raise InputError(where, given, "one ratio in 99% of them: the trace of one boot of one machine")
        return ratio


def check_possible_cpus(ratio: int, topology: Topology, where: str = "--topology") -> str:
    """Which reading of the ratio fits the machine, in words. Raises InputError if none does."""
    extra = ratio - len(topology.cpus)
    if extra not in EXTRA_CPUS:
        readings = ", ".join(f"{ratio - more} ({words})" for more, words in EXTRA_CPUS.items() if ratio > more)
        given = f"{len(topology.cpus)} possible CPUs, but the trace's areas cost {ratio} times their size"
        raise InputError(where, given, readings)
    return f"{len(topology.cpus)} possible CPUs, {EXTRA_CPUS[extra]}: areas cost {ratio} times their size"
