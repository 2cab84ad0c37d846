"""The head of a trace line: whose event it is, on which CPU, in which context, and when.

All that stands before the time comes again and again (a task on a CPU with its flags), so it is read by pattern once
and then known by its text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from percpu_fuzz.strategies.trace.events import Task

REMEMBERED = 1 << 14  # tasks, heads, and names of events
TIME_MOST = 19  # digits
# Possessive wherever what follows cannot need it back: a line of blanks must not be tried from each of them.
TRACEFS = re.compile(
    r"\s*+(\S.*?|)-(\d{1,10})\s++(?:\([-\d ]++\)\s++)?\[(\d{1,6})\]\s++(?:(\S++)\s++)?(\d{1,19})(?:\.(\d{1,9}))?: "
    r"(?:percpu:)?",
    re.ASCII,
)
PERF = re.compile(
    r"\s*+(?:(\S++(?:\s++\S++)*?)\s++)?(?:\d{1,10}/)?(\d{1,10})\s++\[(\d{1,6})\]\s++()(\d{1,19})(?:\.(\d{1,9}))?:\s++"
    r"(?:\w++:(?=\w++:))?",
    re.ASCII,
)


class Before(NamedTuple):
    """What stands before a line's time. shape: the pattern that read it."""

    shape: re.Pattern[str]
    task: Task
    cpu: int
    context: str


def time_of(text: str) -> int:
    """Nanoseconds of a `sec.fraction` time stamp, -1 if it is none; without fraction, ticks of the trace's clock."""
    whole, point, fraction = text.partition(".")
    if not (whole.isdecimal() and len(whole) <= TIME_MOST and text.isascii()):
        return -1
    if not point:
        return int(whole)
    if not (fraction.isdecimal() and len(fraction) <= 9):
        return -1
    return int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0"))


class Heads:
    """The heads seen so far. `known`: by the text before the blank before the time."""

    def __init__(self) -> None:
        self.known: dict[str, Before] = {}
        self.tasks: dict[tuple[str, str], Task] = {}

    def read(self, line: str) -> tuple[Before, int, int] | None:
        """A line's head, its time, and where the head ends; None if it has none."""
        shape = TRACEFS
        found = TRACEFS.match(line)
        if found is None:
            shape, found = PERF, PERF.match(line)
        if found is None:
            return None
        flags = found[4]
        context = flags[2] if flags and len(flags) > 2 else ""
        before = Before(shape, self.task(found[1] or "", found[2]), int(found[3]), context)
        end = found.end(6 if found[6] else 5)
        text = line[: found.start(5) - 1]
        if line[found.start(5) - 1] == " " and ": " not in line[:end]:
            if len(self.known) > REMEMBERED:
                self.known.clear()
            self.known[text] = before
        return before, time_of(line[found.start(5) : end]), found.end()

    def task(self, comm: str, pid: str) -> Task:
        """One object for each task."""
        task = self.tasks.get((comm, pid))
        if task is None:
            if len(self.tasks) > REMEMBERED:
                self.tasks.clear()
            task = self.tasks[comm, pid] = (comm, int(pid))
        return task
