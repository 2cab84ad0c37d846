"""Standard output and standard error: what is printed is harmless to a terminal, whether or not anybody sees it."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TextIO

from percpu_fuzz.engine.shown import shown


class Harmless(io.TextIOWrapper):
    """A stream on which text from outside can do no more than be read, whoever prints it."""

    def write(self, text: str) -> int:
        """Lines and tabs as they are; the rest of what a terminal would obey, and half characters, as escapes."""
        harmless = text if text.isascii() and text.isprintable() else "\n".join(map(_shown_line, text.split("\n")))
        super().write(harmless)
        return len(text)


def _shown_line(line: str) -> str:
    return "\t".join(map(shown, line.split("\t")))


def guard() -> None:
    """From now on standard output is Harmless; neither stream fails over a character that its encoding lacks."""
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    old = sys.stdout
    if isinstance(old, io.TextIOWrapper):
        buffering, encoding = old.line_buffering, old.encoding
        sys.stdout = Harmless(old.detach(), encoding, "backslashreplace", line_buffering=buffering)


def say_on_stderr(line: str) -> None:
    """A plain line for the person who waits, on standard error: standard output is for the report.

    Nothing is wrong if nobody is there: standard error may be full, closed, or a terminal that is gone.
    """
    if sys.stderr is None:  # it was closed before the start, and print() would take standard output instead
        return
    with contextlib.suppress(OSError, ValueError):
        print("\n".join(map(_shown_line, line.split("\n"))), file=sys.stderr, flush=True)


def flush(stream: TextIO | None) -> None:
    """Put what was printed in its place, if there is one."""
    with contextlib.suppress(OSError, ValueError):
        if stream is not None:  # it was closed before the start
            stream.flush()
