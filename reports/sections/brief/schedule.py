"""An interleaving in two columns, as kernel commits draw a race: the steps that decide, one context a column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from percpu_fuzz.reports.lanes import Change, Line
from percpu_fuzz.reports.sections.brief.functions import function_of

GAP = 2
BROKE, ITS_NULL, ITS_BYTES, TO_NULL, OUR_LAST, BYTES = 100, 80, 70, 60, 50, 40
ELSEWHERE, FIRST, CHANGED = 30, 20, 10
OUTSIDE = ("IDLE", "OP_END", "AT_BARRIER", "FINISHED")  # between two operations
COUNTERS = ("usage", "stock memcg")  # pages of counters and page stocks move in every charge: they decide least

OBJCG = re.compile(r"objcg(\d+)\.(\d+)")
SLOT = re.compile(r"memcg(\d+) objcg\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Subject:
    """The objcg that breaks: number of its memcg and node. at: the place of the step that takes it from its memcg."""

    memcg: str
    node: str
    at: int

    def is_named(self, change: Change) -> bool:
        """Whether a change is of this objcg, or of its place in the memcg."""
        found = OBJCG.search(change.name) or SLOT.search(change.name)
        return found is not None and found.groups() == (self.memcg, self.node)

    def is_of_memcg(self, change: Change) -> bool:
        """Whether a change is of its memcg, or of any objcg of that."""
        found = OBJCG.search(change.name) or re.search(r"memcg(\d+)", change.name)
        return found is not None and found[1] == self.memcg


@dataclass(frozen=True, slots=True)
class Row:
    """Text of one step; column 0 or 1."""

    column: int
    function: str
    detail: str


def two_columns(steps: Sequence[Line], lines_most: int, width: int) -> list[str]:
    """A head and the steps that matter most, in order, in so many lines at most. Empty where no step was stored.

    The first column is the context that broke something, the second all others; each is named by what it is.
    """
    if not steps or lines_most < 3:
        return []
    half = (width - GAP) // 2
    subject = subject_of(steps)
    ranked = sorted(range(len(steps)), key=lambda i: (-weight(steps, i, subject), -i))
    drawn: list[str] = []
    for most in range(1, len(steps) + 1):
        trial = drawn_rows([steps[i] for i in sorted(ranked[:most])], half)
        if len(trial) > lines_most:
            break
        drawn = trial
    return drawn


def subject_of(steps: Sequence[Line]) -> Subject | None:
    """Which objcg breaks: the one that the last step changes, else the one that was last taken from its memcg."""
    taken = {found.groups(): i for i, line in enumerate(steps) for change in line.changes
             if is_to_null(change) and (found := SLOT.search(change.name))}  # fmt: skip
    named = [found.groups() for change in steps[-1].changes if (found := OBJCG.search(change.name))]
    memcg, node = next(iter(named), max(taken, key=lambda one: taken[one], default=("", "")))
    return Subject(memcg, node, taken.get((memcg, node), len(steps))) if memcg else None


def weight(steps: Sequence[Line], place: int, subject: Subject | None) -> int:
    """How much a step tells of what went wrong: most where it touches what breaks."""
    line = steps[place]
    if place == len(steps) - 1:
        return BROKE
    of_its = [change for change in line.changes if subject is not None and subject.is_named(change)]
    if any(map(is_to_null, of_its)):
        return ITS_NULL
    if any(map(is_of_bytes, of_its)):
        return ITS_BYTES
    ours = line.who == steps[-1].who
    near = subject is None or any(map(subject.is_of_memcg, line.changes))
    if any(map(is_to_null, line.changes)):
        return TO_NULL if near else ELSEWHERE
    if ours and steps[place + 1].who != line.who and line.label not in OUTSIDE:
        return OUR_LAST
    if any(map(is_of_bytes, line.changes)):
        return BYTES if near or ours or (subject is not None and place > subject.at) else CHANGED
    return (
        FIRST
        if ours and steps[place - 1].who != line.who and line.label not in OUTSIDE
        else CHANGED * bool(line.changes)
    )


def is_to_null(change: Change) -> bool:
    """Whether a pointer becomes NULL."""
    return change.is_pointer and (change.new or 0) < 0


def is_of_bytes(change: Change) -> bool:
    """Whether a change is of bytes or node pages, and not of a counter that every charge moves."""
    return not change.is_pointer and not any(word in change.name for word in COUNTERS)


def told_within(change: Change, room: int) -> str:
    """A change in so many columns: what is cut is its name, never an amount."""
    whole, values = str(change), change.values
    return whole if len(whole) <= room else f"{change.name[: max(1, room - len(values) - 4)]}..: {values}"


def row_of(line: Line, ours: str, room: int) -> Row:
    """Function, and what the step did: its most telling change, or the step's own words."""
    if line.broken:
        found = line.broken[0]
        detail = f"*** {found.invariant}: {found.found}, should be {found.expected}"
        if found.invariant in ("I18", "I19"):
            detail = f"*** {'NULL' if found.invariant == 'I18' else 'released'} objcg used"
    else:
        told = sorted(line.changes, key=lambda change: (not change.is_pointer, not is_of_bytes(change)))
        detail = told_within(told[0], room) if told else line.words
    return Row(0 if line.who == ours else 1, line.own_words or function_of(line.label), detail)


def named_within(names: Sequence[str], room: int) -> str:
    """As many names as there is room for, and that there are more."""
    shown = len(names)
    while shown > 1 and len("; ".join([*names[:shown], *(["..."] if shown < len(names) else [])])) > room:
        shown -= 1
    return "; ".join([*names[:shown], *(["..."] if shown < len(names) else [])])[:room]


def drawn_rows(steps: Sequence[Line], half: int) -> list[str]:
    """Who is who, then a function once above its steps, each cut to its column."""
    ours = steps[-1]
    others = {line.who: f"CPU {line.cpu}: {line.who}" for line in steps if line.who != ours.who}
    lines = [(f"CPU {ours.cpu}: {ours.who}".ljust(half + GAP) + named_within(list(others.values()), half)).rstrip()]
    before: tuple[int, str] | None = None
    for row in (row_of(line, ours.who, half - 2) for line in steps):
        indent = " " * (row.column * (half + GAP))
        if (row.column, row.function) != before:
            lines.append(indent + row.function[:half])
        before = row.column, row.function
        if row.detail.strip("()") != row.function.strip("()"):
            lines.append(f"{indent}  {row.detail}"[: len(indent) + half])
    return lines
