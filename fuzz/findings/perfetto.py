"""Lanes as a Chrome trace-event file, for Perfetto or chrome://tracing: a process a CPU, a thread an actor.

Format: "Trace Event Format", sections on complete, counter, instant and metadata events. A step takes one microsecond:
the model has no clock, only an order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from percpu_fuzz.reports.lanes import Line

STEP_MICROSECONDS = 1


def trace_events(lines: Sequence[Line], title: str) -> bytes:
    """The lanes of a replay as JSON, ASCII, ending in a newline."""
    threads = {who: number for number, who in enumerate(dict.fromkeys((line.cpu, line.who) for line in lines), 1)}
    events: list[dict[str, Any]] = []
    for cpu in sorted({line.cpu for line in lines}):
        events.append(_named("process_name", cpu, 0, f"CPU {cpu}"))
    for (cpu, who), number in threads.items():
        events.append(_named("thread_name", cpu, number, who))
    for line in lines:
        place = {"pid": line.cpu, "tid": threads[line.cpu, line.who], "ts": (line.step - 1) * STEP_MICROSECONDS}
        changes = {change.name: change.values for change in line.changes}
        told: dict[str, Any] = {"name": line.words, "cat": line.label, "args": {"step": line.step} | changes}
        events.append(place | told | {"ph": "X", "dur": STEP_MICROSECONDS})
        for violation in line.broken:
            figures = {"expected": violation.expected, "found": violation.found}
            events.append(place | {"name": f"{violation.invariant} broken", "ph": "i", "s": "g", "args": figures})
    row = {"traceEvents": events, "displayTimeUnit": "ns", "otherData": {"title": title}}
    return (json.dumps(row, sort_keys=True, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def _named(kind: str, cpu: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": kind, "pid": cpu, "tid": thread, "args": {"name": name}}
