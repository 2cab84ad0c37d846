"""Reads trace text (plain or gzip) as a stream of typed events, in the order of the file. Three tools write such text:

- tracefs' own `trace` file: `comm-pid [cpu] flags time: event: fields`, with an optional `(tgid)` column;
- `trace-cmd report`: the same, without flags unless asked for, pointers with 0x, a line `cpus=N` first;
- `perf script`: `comm pid[/tid] [cpu] time: group:event: fields`, call chains on lines of their own.

comm is any text, with blanks and dashes too. Lines that are no event of ours are counted, never guessed at. Without a
flag column nobody says which events an interrupt made; what belongs together is then told by task alone.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError
from strategies.recorded.events import Event, Task
from strategies.recorded.payload import PAYLOADS, Build, ImpossibleError, Payload, loose_groups

GZIP_MAGIC = b"\x1f\x8b"
BLOCK_BYTES = 1 << 20
LINE_MOST = 1 << 14  # characters; the kernel's buffer for one line has 8 KB
REMEMBERED = 1 << 14  # tasks, and names of foreign events
# Possessive wherever what follows cannot need it back: a line of blanks must not be tried from each of them.
TRACEFS = (
    r"\s*+(\S.*?|)-(\d{1,10})\s++(?:\([-\d ]++\)\s++)?\[(\d{1,6})\]\s++(?:(\S++)\s++)?(\d{1,19})(?:\.(\d{1,9}))?: "
    r"(?:percpu:)?"
)
PERF = (
    r"\s*+(?:(\S++(?:\s++\S++)*?)\s++)?(?:\d{1,10}/)?(\d{1,10})\s++\[(\d{1,6})\]\s++()(\d{1,19})(?:\.(\d{1,9}))?:\s++"
    r"(?:\w++:(?=\w++:))?"
)
HEAD, PERF_HEAD = re.compile(TRACEFS, re.ASCII), re.compile(PERF, re.ASCII)
NO_EVENTS = re.compile(r"cpus=\d++|version = \d++|CPU \d++ is empty|\t.*|\s++[0-9a-f]{8,16} .*|trailer .*", re.ASCII)
NAME = re.compile(r"(\w++):", re.ASCII)
LOST = re.compile(r"CPU:\d++ \[(?:LOST (?:(\d{1,19}) )?EVENTS|(\d{1,19}) EVENTS DROPPED)\]", re.ASCII)
ALLOWED = "the text of tracefs' trace file, of trace-cmd report or of perf script, plain or gzip"


@dataclass(slots=True)
class Counts:
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


def time_of(whole: str, fraction: str | None) -> int:
    """Nanoseconds of a `sec.fraction` time stamp; a time without fraction is in ticks of the trace's clock."""
    if fraction is None:
        return int(whole)
    return int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0"))


class _Reader:
    """One pass over one file. `fast` has, by the name that a cheap split finds, the pattern of a whole line in the
    shape in which that name came last; `foreign` the names that are not ours: most lines need one pattern or none.
    """

    def __init__(self, counts: Counts, payloads: Mapping[str, Payload]) -> None:
        self.payloads = payloads
        self.counts = counts
        self.tasks: dict[tuple[str, ...], Task] = {}
        self.foreign: set[str] = {"<stack trace>"}
        self.fast: dict[str, tuple[Callable[[str], re.Match[str] | None], Build]] = {}
        self.is_trace = False

    def events(self, lines: list[str]) -> Iterator[Event]:
        """The events of some whole lines; all lines are counted."""
        fast, foreign, counts = self.fast, self.foreign, self.counts
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
            known = fast.get(name)
            found = None if known is None or len(line) > LINE_MOST else known[0](line)
            event = self.slowly(line, name) if known is None or found is None else self.built(found.groups(), known[1])
            if event is not None:
                yield event
        counts.other += other

    def built(self, groups: tuple[str, ...], build: Build) -> Event | None:
        """The event of a line from its head's groups and its fields; None, counted, if impossible."""
        task = self.tasks.get(groups[:2])
        if task is None:
            if len(self.tasks) > REMEMBERED:
                self.tasks.clear()
            task = self.tasks[groups[:2]] = (groups[0] or "", int(groups[1]))
        flags, fraction = groups[3], groups[5]
        t = int(groups[4]) if fraction is None else time_of(groups[4], fraction)
        try:
            event = build(t, task, int(groups[2]), flags[2] if flags and len(flags) > 2 else "", groups)
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
        head = HEAD.match(line)
        shape = TRACEFS if head is not None else PERF
        head = head or PERF_HEAD.match(line)
        if head is None:
            self.no_event(line)
            return None
        self.is_trace = True
        found = NAME.match(line, head.end())
        if found is None or found[1] not in self.payloads:
            # Only a name that the cheap split finds where the pattern does may be remembered.
            if name and line.startswith(name, head.end()) and len(self.foreign) < REMEMBERED:
                self.foreign.add(name if found is None else found[1])
            counts.other += 1
            return None
        payload = self.payloads[found[1]]
        self.remember(name, shape, found[1], payload)
        strict = self.fast[name][0](line)
        try:
            groups = head.groups() + loose_groups(payload, line[found.end() :]) if strict is None else strict.groups()
        except ImpossibleError:
            counts.unparsed += 1
            return None
        return self.built(groups, payload.build)

    def remember(self, name: str, shape: str, kind: str, payload: Payload) -> None:
        """Lines with this name are tried in this shape first."""
        if len(self.fast) > REMEMBERED:
            self.fast.clear()
        self.fast[name] = (re.compile(f"{shape}{kind}:{payload.pattern}", re.ASCII).fullmatch, payload.build)

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


def _blocks(stream: io.BufferedReader | gzip.GzipFile, where: str, counts: Counts) -> Iterator[bytes]:
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
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{where}, line {counts.lines + 1}", f"a damaged gzip stream ({error})", ALLOWED) from None
    if rest_bytes:
        yield b"".join(rest)


def _lines(stream: io.BufferedReader, where: str, counts: Counts) -> Iterator[list[str]]:
    """Whole lines as text. A tail without newline is a cut line: what it lacks cannot be told, so it is not used."""
    is_gzip = stream.peek(2)[:2] == GZIP_MAGIC
    for block in _blocks(gzip.GzipFile(fileobj=stream) if is_gzip else stream, where, counts):
        lines = block.decode("utf-8", "replace").split("\n")
        if lines.pop():
            counts.lines += 1
            counts.truncated = 1
        yield lines


def _opened(source: Path | io.RawIOBase | io.BufferedIOBase) -> tuple[io.BufferedReader, str]:
    if not isinstance(source, Path):
        where = str(getattr(source, "name", "trace"))
        return source if isinstance(source, io.BufferedReader) else io.BufferedReader(source), where
    try:
        return source.open("rb"), str(source)
    except OSError as error:
        raise InputError(str(source), error.strerror or str(error), "a readable trace file") from None


def _events(stream: io.BufferedReader, where: str, counts: Counts, payloads: Mapping[str, Payload]) -> Iterator[Event]:
    reader = _Reader(counts, payloads)
    for lines in _lines(stream, where, counts):
        yield from reader.events(lines)
    if not reader.is_trace:
        raise InputError(f"{where}, line 1", f"no trace event in {counts.lines} lines", ALLOWED)


def read_lines(source: Path | io.RawIOBase) -> Iterator[str]:
    """Whole lines of a trace as text, plain or gzip, to its end. InputError if it cannot be read."""
    stream, where = _opened(source)
    with stream:
        for lines in _lines(stream, where, Counts()):
            yield from lines


def read_events(
    source: Path | io.RawIOBase | io.BufferedIOBase,
    counts: Counts | None = None,
    payloads: Mapping[str, Payload] = PAYLOADS,
) -> Iterator[Event]:
    """Yields the events of a tracefs text in file order; `counts`, if given, tells what else was there.

    source: a path, or a binary stream, a pipe too, which stays open. payloads: the kinds that are read. Raises
    InputError for a file that cannot be read and, at its end, for one in which nothing looks like a trace.
    """
    stream, where = _opened(source)
    try:
        yield from _events(stream, where, Counts() if counts is None else counts, payloads)
    finally:
        if isinstance(source, Path):
            stream.close()
        elif stream is not source:
            stream.detach()  # else the wrapper would close what it wraps
