"""Reads trace text (plain or gzip) as a stream of typed events, in the order of the file. Three tools write such text:

- tracefs' own `trace` file: `comm-pid [cpu] flags time: event: fields`, with an optional `(tgid)` column;
- `trace-cmd report`: the same, without flags unless asked for, pointers with 0x, a line `cpus=N` first;
- `perf script`: `comm pid[/tid] [cpu] time: group:event: fields`, call chains on lines of their own.

comm is any text, with blanks and dashes too. Lines that are no event of ours are counted, never guessed at. Without a
flag column nobody says which events an interrupt made; what belongs together is then told by task alone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import DAMAGED, Packed, damage_of, open_bytes, unpacked
from percpu_fuzz.strategies.trace.events import Event, Task
from percpu_fuzz.strategies.trace.payload import PAYLOADS, Build, ImpossibleError, Payload, loose_groups

BLOCK_BYTES = 1 << 17  # small enough to stay in a core's own cache
LINE_MOST = 1 << 14  # characters; the kernel's buffer for one line has 8 KB
NO_EVENTS = re.compile(r"cpus=\d++|version = \d++|CPU \d++ is empty|\t.*|\s++[0-9a-f]{8,16} .*|trailer .*", re.ASCII)
EVENT_NAME = re.compile(r"(\w++):", re.ASCII)
LOST = re.compile(r"CPU:\d++ \[(?:LOST (?:(\d{1,19}) )?EVENTS|(\d{1,19}) EVENTS DROPPED)\]", re.ASCII)
TRACE_TEXT = "the text of tracefs' trace file, of trace-cmd report or of perf script, plain or gzip"


# The head of a line: whose event it is, on which CPU, in which context, and when. All that stands before the time comes
# again and again (a task on a CPU with its flags), so it is read by pattern once and then known by its text.
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


@dataclass(slots=True)
class LineCounts:
    """What a reader saw besides the events it yielded; it grows while the stream is read.

    lines: all; events: yielded; other: known shapes that are not ours (other events, stack traces, comments);
    unparsed: events of ours, or lines, that could not be read or that no kernel writes (a size of 0);
    lost_events: events the ring buffer says it dropped
    (lost_gaps: how often it said so); truncated: 1 if the file ends within a line or within the gzip stream.
    """

    lines: int = 0
    events: int = 0
    other: int = 0
    unparsed: int = 0
    lost_events: int = 0
    lost_gaps: int = 0
    truncated: int = 0


class LineKind(NamedTuple):
    """How lines are read whose event's name, as a cheap split finds it, came before in this shape of head."""

    shape: re.Pattern[str]
    fields: Callable[[str], re.Match[str] | None]
    build: Build


class _Reader:
    """One pass over one file. `kinds` has, by the name that a cheap split finds, how such lines were read last, and
    `foreign` the names that are not ours: most lines need one pattern or none.
    """

    def __init__(self, counts: LineCounts, payloads: Mapping[str, Payload]) -> None:
        self.payloads = payloads
        self.counts = counts
        self.heads = Heads()
        self.foreign: set[str] = {"<stack trace>"}
        self.kinds: dict[str, LineKind] = {}
        self.is_trace = False

    def events(self, lines: list[str]) -> Iterator[Event]:
        """The events of some whole lines; all lines are counted."""
        kinds, foreign, counts, heads = self.kinds, self.foreign, self.counts, self.heads.known
        other = 0
        counts.lines += len(lines)
        for line in lines:
            if line[:4] == " => ":
                other += 1
                continue
            parts = line.split(": ", 2)
            name = parts[1] if len(parts) > 1 else ""
            if name in foreign:
                other += 1
                continue
            kind = kinds.get(name)
            event: Event | None = None
            if kind is not None and len(parts) == 3 and len(line) <= LINE_MOST:
                text, _, time = parts[0].rpartition(" ")
                before = heads.get(text)
                fields = kind.fields(parts[2]) if before is not None and before.shape is kind.shape else None
                t = int(time) if time.isdecimal() and time.isascii() and len(time) <= TIME_MOST else time_of(time)
                if before is None or fields is None or t < 0:
                    event = self.slowly(line, name)
                else:
                    event = self.built(t, before, kind.build, fields.groups())
            else:
                event = self.slowly(line, name)
            if event is not None:
                yield event
        counts.other += other

    def built(self, t: int, before: Before, build: Build, groups: tuple[str, ...]) -> Event | None:
        """The event of a line from its head and its fields; None, counted, if impossible."""
        try:
            event = build(t, before.task, before.cpu, before.context, groups)
        except ImpossibleError:
            self.counts.unparsed += 1
            return None
        self.counts.events += 1
        return event

    def slowly(self, line: str, name: str) -> Event | None:
        """Any line: its event, or None, counted."""
        counts = self.counts
        if line.startswith("#") or not line:
            self.is_trace = self.is_trace or line.startswith("# tracer:")
            counts.other += 1
            return None
        if len(line) > LINE_MOST:
            counts.unparsed += 1
            return None
        head = self.heads.read(line)
        if head is None:
            self.no_event(line)
            return None
        self.is_trace = True
        before, t, end = head
        found = EVENT_NAME.match(line, end)
        if found is None or found[1] not in self.payloads:
            # Only a name that the cheap split finds where the pattern does may be remembered.
            if name and line.startswith(name, end) and len(self.foreign) < REMEMBERED:
                self.foreign.add(name if found is None else found[1])
            counts.other += 1
            return None
        payload = self.payloads[found[1]]
        kind = LineKind(before.shape, re.compile(payload.pattern, re.ASCII).fullmatch, payload.build)
        if line[: found.end()].endswith(f": {name}:"):
            self.remember(name, kind)
        rest = line[found.end() :]
        strict = kind.fields(rest)
        try:
            groups = loose_groups(payload, rest) if strict is None else strict.groups()
        except ImpossibleError:
            counts.unparsed += 1
            return None
        return self.built(t, before, payload.build, groups)

    def remember(self, name: str, kind: LineKind) -> None:
        """Lines with this name are tried in this shape first."""
        if len(self.kinds) > REMEMBERED:
            self.kinds.clear()
        self.kinds[name] = kind

    def no_event(self, line: str) -> None:
        lost = LOST.match(line)
        if lost is not None:
            self.is_trace = True
            self.counts.lost_gaps += 1
            self.counts.lost_events += int(lost[1] or lost[2] or 0)
        elif NO_EVENTS.fullmatch(line):
            self.is_trace = self.is_trace or line.startswith("cpus=")
            self.counts.other += 1
        else:
            self.counts.unparsed += 1


def _blocks(stream: io.BufferedReader | Packed, where: str, counts: LineCounts) -> Iterator[bytes]:
    """The stream in blocks of whole lines, and what is left without newline as the last; a cut gzip stream ends it.

    A line longer than a block is cut into lines: it cannot be one of a trace.
    """
    rest: list[bytes] = []
    rest_bytes = 0
    try:
        while block := stream.read1(BLOCK_BYTES):
            end = block.rfind(b"\n") + 1
            if end:
                yield b"".join([*rest, block[:end]])
                rest, rest_bytes = [], 0
            rest.append(block[end:])
            rest_bytes += len(block) - end
            if rest_bytes > BLOCK_BYTES:
                yield b"".join([*rest, b"\n"])
                rest, rest_bytes = [], 0
    except EOFError:
        counts.truncated = 1
    except DAMAGED as error:
        raise damage_of(error, stream, f"{where}, line {counts.lines + 1}") from None
    if rest_bytes:
        yield b"".join(rest)


def _lines(stream: io.BufferedReader, where: str, counts: LineCounts) -> Iterator[list[str]]:
    """Whole lines as text. A tail without newline is a cut line: what it lacks cannot be told, so it is not used."""
    for block in _blocks(unpacked(stream), where, counts):
        lines = block.decode("utf-8", "replace").split("\n")
        if lines.pop():
            counts.lines += 1
            counts.truncated = 1
        yield lines


def _opened(source: Path | io.RawIOBase | io.BufferedIOBase) -> tuple[io.BufferedReader, str]:
    if not isinstance(source, Path):
        where = str(getattr(source, "name", "trace"))
        return source if isinstance(source, io.BufferedReader) else io.BufferedReader(source), where
    return open_bytes(source, "a readable trace file"), str(source)


def _events(
    stream: io.BufferedReader, where: str, counts: LineCounts, payloads: Mapping[str, Payload]
) -> Iterator[Event]:
    reader = _Reader(counts, payloads)
    for lines in _lines(stream, where, counts):
        yield from reader.events(lines)
    if not reader.is_trace:
        raise InputError(f"{where}, line 1", f"no trace event in {counts.lines} lines", TRACE_TEXT)


def read_lines(source: Path | io.RawIOBase) -> Iterator[str]:
    """Whole lines of a trace as text, plain or gzip, to its end. InputError if it cannot be read."""
    stream, where = _opened(source)
    with stream:
        for lines in _lines(stream, where, LineCounts()):
            yield from lines


def read_events(
    source: Path | io.RawIOBase | io.BufferedIOBase,
    counts: LineCounts | None = None,
    payloads: Mapping[str, Payload] = PAYLOADS,
) -> Iterator[Event]:
    """Yields the events of a tracefs text in file order; `counts`, if given, tells what else was there.

    source: a path, or a binary stream, a pipe too, which stays open. payloads: the kinds that are read. Raises
    InputError for a file that cannot be read and, at its end, for one in which nothing looks like a trace.
    """
    stream, where = _opened(source)
    try:
        yield from _events(stream, where, LineCounts() if counts is None else counts, payloads)
    finally:
        if isinstance(source, Path):
            stream.close()
        elif stream is not source:
            stream.detach()  # else the wrapper would close what it wraps
