"""Pointers: events with raw pointers, of a trace whose tracepoints print hashed ones and its probes raw ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from percpu_fuzz.strategies.trace import events as ev

TRACED = (ev.Alloc, ev.Free, ev.CreateChunk, ev.DestroyChunk)


def with_raw_pointers(events: Sequence[ev.Event], raw_of: Mapping[str, str]) -> Sequence[ev.Event]:
    """The same events; raw_of: the raw pointer of each hashed one of which a charge was seen (Workload.raw_of)."""
    return list(_translated(events, raw_of)) if raw_of else events


def _translated(events: Sequence[ev.Event], raw_of: Mapping[str, str]) -> Iterator[ev.Event]:
    for event in events:
        if isinstance(event, TRACED) and event.base in raw_of:
            yield replace(event, base=raw_of[event.base])
        else:
            yield event
