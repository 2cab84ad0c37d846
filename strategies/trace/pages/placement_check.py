"""Is a placement this machine's and this trace's? Asked before anything relies on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.trace.events import Event, Populate
from percpu_fuzz.strategies.trace.pages.placement import Placement


def check_placement(placement: Placement, topology: Topology, unit_pages: int, where: str = "placement") -> None:
    """Possible CPUs and nodes are the machine's, pages lie within a unit. Raises InputError naming what does not."""
    ids = [cpu.id for cpu in topology.cpus]
    given = list(placement.first_chunk_node_by_cpu)
    allowed = f"the placement of this machine: CPUs {ids}"
    if len(given) != len(ids):
        raise InputError(where, f"{len(given)} CPUs, the machine has {len(ids)}", allowed)
    if given != ids:
        raise InputError(where, f"CPUs {given}", allowed)
    nodes = {node for record in placement.populates for row in record.node_by_cpu_by_page for node in row}
    unknown = (nodes | set(placement.first_chunk_node_by_cpu.values())) - set(topology.node_index)
    if unknown:
        raise InputError(where, f"pages on nodes {sorted(unknown)}", f"nodes {sorted(topology.node_index)}")
    last = max((record.page_end for record in placement.records), default=0)
    if last > unit_pages:
        raise InputError(where, f"pages up to {last}", f"a unit of {unit_pages} pages")


def check_used(placement: Placement, first_t: int, last_t: int, where: str = "placement") -> None:
    """The trace, from first_t to last_t, and the placement are of one time. InputError if they never meet."""
    if not placement.records or last_t < 0:
        return
    begins, ends = placement.records[0].t, placement.records[-1].t
    if ends < first_t or last_t < begins:
        raise InputError(where, f"pages from t={begins} to {ends}", f"times of the trace: t={first_t} to {last_t}")


class PopulatesSeen:
    """Passes events on and counts which of the trace's populates the placement has, by chunk and pages."""

    def __init__(self, placement: Placement, where: str = "placement") -> None:
        self.where = where
        self.known = {(record.base, record.page_start, record.page_end) for record in placement.populates}
        self.seen = self.found = 0

    def watch(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if type(event) is Populate:
                self.seen += 1
                self.found += (event.base, event.page_start, event.page_end) in self.known
            yield event

    def check(self) -> None:
        """InputError if the placement lacks most populates of the trace: it is of another run."""
        if 2 * self.found < self.seen:
            given = f"{self.found} of the {self.seen} populated ranges of the trace"
            raise InputError(self.where, given, "the placement of this trace, which has all of them")
