"""Rewrites tracefs text in the shapes of `trace-cmd report` and `perf script`, line by line.

Shapes as the tools print them: trace-cmd 3 (report) without flags, pointers with 0x, symbols without their size, marks
as `print`; perf (script) with the pid in a column of its own and the event's group before its name. What these formats
do not carry is lost: flags, and with them the interrupt context, and comment lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from percpu_fuzz.strategies.trace.tracefs import LINE_MOST, LOST, TRACEFS

FORMS = ("trace-cmd", "perf")
POINTER = re.compile(r"\b(base_addr|ptr)=(?!0x)([0-9a-f]+)")
SYMBOL_SIZE = re.compile(r"(call_site=\S+?\+0x[0-9a-f]+)/0x[0-9a-f]+")
CPUS_IN_HEAD = re.compile(r"#P:(\d+)")
MARK_EVENT = "tracing_mark_write"
NO_EVENT = ("cpus=", "CPU:")  # how lines begin that are written and are no event


def rewritten(lines: Iterable[str], form: str) -> Iterator[str]:
    """Each line without its newline; what is no event is left out, but for lost events."""
    headed = form != "trace-cmd"
    for line in lines:
        if not headed and (cpus := CPUS_IN_HEAD.search(line)):
            headed = True
            yield f"cpus={cpus[1]}"
        lost = LOST.match(line)
        if lost is not None:
            yield f"{line.split(' ', 1)[0]} [{lost[1] or lost[2] or 1} EVENTS DROPPED]"
            continue
        head = TRACEFS.match(line) if len(line) <= LINE_MOST else None
        if head is None or line.startswith(("#", " =>")):
            continue
        name, _, fields = line[head.end() :].partition(":")
        comm, pid, cpu, _, whole, fraction = head.groups()
        time = whole if fraction is None else f"{whole}.{fraction}"
        yield event_line(form, (comm, pid, cpu, time), name, fields.strip())


def event_line(form: str, head: tuple[str, str, str, str], name: str, fields: str) -> str:
    """One event. head: comm, pid, cpu, time as they stood."""
    comm, pid, cpu, time = head
    if name == MARK_EVENT:
        name, fields = "print", f"{MARK_EVENT}: {fields}"
    fields = SYMBOL_SIZE.sub(r"\1", POINTER.sub(r"\1=0x\2", fields))
    if form == "trace-cmd":
        return f"{comm:>16}-{pid:<6} [{cpu}] {time}: {name + ':':<20} {fields}"
    group = "percpu" if name.startswith("percpu_") else "ftrace" if name == "print" else "kprobes"
    return f"{comm:>16} {pid:>5} [{cpu}] {time}: {group}:{name}: {fields}"
