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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InputError
from strategies.recorded.events import Event, Task
from strategies.recorded.payload import PAYLOADS, ImpossibleError, Payload

GZIP_MAGIC = b"\x1f\x8b"
HEAD = re.compile(
    r"\s*(.+?)-(\d{1,10})\s+(?:\([-\d ]+\)\s+)?\[(\d{1,6})\]\s+(?:(\S+)\s+)?(\d{1,19})(?:\.(\d{1,9}))?: (?:percpu:)?",
    re.ASCII,
)
PERF_HEAD = re.compile(
    r"\s*(.+?)\s+(?:\d{1,10}/)?(\d{1,10})\s+\[(\d{1,6})\]\s+()(\d{1,19})(?:\.(\d{1,9}))?:\s+(?:\w+:(?=\w+:))?",
    re.ASCII,
)
NO_EVENTS = re.compile(r"cpus=\d+|version = \d+|CPU \d+ is empty|\t.*|\s+[0-9a-f]{8,16} .*|trailer .*", re.ASCII)
NAME = re.compile(r"(\w+):", re.ASCII)
LOST = re.compile(r"CPU:\d+ \[(?:LOST (?:(\d{1,19}) )?EVENTS|(\d{1,19}) EVENTS DROPPED)\]", re.ASCII)
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
    """One pass over one file: remembers tasks and the names of foreign events, so that most lines need no pattern."""

    def __init__(self, where: str, counts: Counts, payloads: Mapping[str, Payload]) -> None:
        self.where = where
        self.payloads = payloads
        self.counts = counts
        self.tasks: dict[tuple[str, str], Task] = {}
        self.foreign: set[str] = {"<stack trace>"}
        self.is_trace = False

    def line(self, text: str) -> Event | None:
        """The event of one line without its newline, or None, counted."""
        counts = self.counts
        counts.lines += 1
        if text.startswith((" => ", "#")) or not text:
            self.is_trace = self.is_trace or text.startswith("# tracer:")
            counts.other += 1
            return None
        name = text.partition(": ")[2].partition(": ")[0]
        if name in self.foreign:
            counts.other += 1
            return None
        head = HEAD.match(text) or PERF_HEAD.match(text)
        if head is None:
            self._no_event(text)
            return None
        self.is_trace = True
        found = NAME.match(text, head.end())
        if found is None or found[1] not in self.payloads:
            # Only a name that the cheap split finds where the pattern does may be remembered.
            if name and text.startswith(name, head.end()):
                self.foreign.add(name if found is None else found[1])
            counts.other += 1
            return None
        payload = self.payloads[found[1]]
        fields = payload.pattern.fullmatch(text, found.end())
        if fields is None:
            counts.unparsed += 1
            return None
        comm, pid, cpu, flags, whole, fraction = head.groups()
        task = self.tasks.get((comm, pid))
        if task is None:
            task = self.tasks[comm, pid] = (comm, int(pid))
        context = flags[2] if flags and len(flags) > 2 else ""
        try:
            event = payload.build(time_of(whole, fraction), task, int(cpu), context, fields.groups())
        except ImpossibleError:
            counts.unparsed += 1
            return None
        counts.events += 1
        return event

    def _no_event(self, text: str) -> None:
        lost = LOST.match(text)
        if lost is not None:
            self.is_trace = True
            self.counts.lost_gaps += 1
            self.counts.lost_events += int(lost[1] or lost[2] or 0)
        elif NO_EVENTS.fullmatch(text):
            self.is_trace = self.is_trace or text.startswith("cpus=")
            self.counts.other += 1
        else:
            self.counts.unparsed += 1


def _lines(stream: Iterable[bytes], where: str, counts: Counts) -> Iterator[str]:
    """Whole lines as text. A tail without newline is a cut line: what it lacks cannot be told, so it is not used."""
    try:
        for raw in stream:
            if raw.endswith(b"\n"):
                yield raw[:-1].decode("utf-8", "replace")
            else:
                counts.lines += 1
                counts.truncated = 1
    except EOFError:
        counts.truncated = 1
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{where}, line {counts.lines + 1}", f"a damaged gzip stream ({error})", ALLOWED) from None


def _opened(source: Path | io.RawIOBase | io.BufferedIOBase) -> tuple[io.BufferedReader, str]:
    if not isinstance(source, Path):
        where = str(getattr(source, "name", "trace"))
        return source if isinstance(source, io.BufferedReader) else io.BufferedReader(source), where
    try:
        return source.open("rb"), str(source)
    except OSError as error:
        raise InputError(str(source), error.strerror or str(error), "a readable trace file") from None


def _events(stream: io.BufferedReader, where: str, counts: Counts, payloads: Mapping[str, Payload]) -> Iterator[Event]:
    is_gzip = stream.peek(2)[:2] == GZIP_MAGIC
    text = gzip.GzipFile(fileobj=stream) if is_gzip else stream
    reader = _Reader(where, counts, payloads)
    for line in _lines(text, where, counts):
        event = reader.line(line)
        if event is not None:
            yield event
    if not reader.is_trace:
        raise InputError(f"{where}, line 1", f"no trace event in {counts.lines} lines", ALLOWED)


def read_lines(path: Path) -> Iterator[str]:
    """Whole lines of a trace as text, plain or gzip. InputError if it cannot be read."""
    stream, where = _opened(path)
    with stream:
        text = gzip.GzipFile(fileobj=stream) if stream.peek(2)[:2] == GZIP_MAGIC else stream
        yield from _lines(text, where, Counts())


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
