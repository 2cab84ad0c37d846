"""Steps: the events of one trace in the order in which the allocator took its decisions, as far as the trace tells.

An allocation is traced when it is done. If its task was seen populating pages for it, the place had been chosen before
that; it is therefore put at its first such Populate. Otherwise it stays where it was traced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from percpu_fuzz.strategies.trace import events as ev

TRACED = (ev.Alloc, ev.Free, ev.CreateChunk, ev.DestroyChunk)
STEPS = (*TRACED, ev.AllocFail, ev.Populate, ev.Populated, ev.Depopulated)
TaskKey = tuple[int, int, str]


def with_raw_pointers(events: Iterable[ev.Event], raw_of: Mapping[str, str]) -> Iterator[ev.Event]:
    """The same events, of a trace whose tracepoints print hashed pointers and its probes raw ones, all with raw ones.

    raw_of: the raw pointer of each hashed one of which a charge was seen (WorkloadStream.raw_of).
    """
    for event in events:
        if isinstance(event, TRACED) and event.base in raw_of:
            event = replace(event, base=raw_of[event.base])
        yield event


@dataclass(slots=True)
class Step:
    """What happens at one place. alloc: decided here; event: what was traced here (the Alloc itself, or a Populate).

    owned: a Populate (or its end, Populated) that belongs to an allocation, not to balance work. before: the place of
    the same task's step before this one, -1 if there is none.
    """

    event: ev.Event
    alloc: ev.Alloc | None
    owned: bool
    before: int


class _Order:
    def __init__(self, page_bytes: int) -> None:
        self.page_bytes = page_bytes
        self.steps: list[Step] = []
        self.last: dict[TaskKey, int] = {}
        self.populating: dict[TaskKey, list[int]] = {}  # Populate and Populated of each task since its last other event

    def add(self, event: ev.Event, alloc: ev.Alloc | None) -> int:
        key = event.pair_key()
        self.steps.append(Step(event, alloc, False, self.last.get(key, -1)))
        self.last[key] = len(self.steps) - 1
        return self.last[key]

    def alloc(self, event: ev.Alloc) -> None:
        places = [i for i in self.populating.pop(event.pair_key(), []) if self.serves(self.steps[i].event, event)]
        if not places:
            self.add(event, event)
            return
        self.steps[places[0]].alloc = event
        for i in places:
            self.steps[i].owned = True
        self.last[event.pair_key()] = len(self.steps) - 1

    def serves(self, done: ev.Event, alloc: ev.Alloc) -> bool:
        """Are the pages among those that the area needs?"""
        assert isinstance(done, ev.Populate | ev.Populated)
        first, last = alloc.off // self.page_bytes, -(-(alloc.off + alloc.size_bytes) // self.page_bytes)
        return done.base == alloc.base and first <= done.page_start and done.page_end <= last

    def populate(self, event: ev.Populate | ev.Populated) -> None:
        self.populating.setdefault(event.pair_key(), []).append(self.add(event, None))


def steps_of(events: Iterable[ev.Event], page_bytes: int) -> list[Step]:
    """Every step of the allocator in the trace, in order of decision."""
    order = _Order(page_bytes)
    for event in events:
        if isinstance(event, ev.Alloc):
            order.alloc(event)
        elif isinstance(event, ev.Populate | ev.Populated):
            order.populate(event)
        elif isinstance(event, STEPS):
            order.populating.pop(event.pair_key(), None)
            order.add(event, event if isinstance(event, ev.Alloc) else None)
    return order.steps
