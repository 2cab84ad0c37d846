"""Signs of what is going on, for the person who waits: a line on standard error that says what, how far, how long.

On a terminal one line is written over and goes when its work is done; elsewhere a line comes now and then. Work in one
call that says nothing is watched by a thread (`working`), which has ended before a process is forked; a loop says
itself how far it is (`Sign`).
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.strategies.reading import open_bytes

FIRST_SECONDS = 0.3  # what is done sooner needs no sign; several such in a row are no long silence
AGAIN_SECONDS = 0.5
ELSEWHERE_SECONDS = 10.0  # where it is no terminal
BAR, BAR_LEAST = 20, 5
_quiet: list[bool] = []
_signs: list[Sign] = []  # that are shown now, the innermost last


def be_quiet() -> None:
    """Show no sign in this process any more."""
    _quiet.append(True)


def is_for_a_person(file: TextIO | None) -> bool:
    """Whether a screen can be drawn there."""
    return file is not None and file.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def duration(seconds: float) -> str:
    """8 s, 1 min 30 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def fitted(text: str, width: int) -> str:
    """Text of at most so many columns, which ends in dots if something of it is missing."""
    return text if len(text) <= width else text[: max(0, width - 3)].rstrip(" ,:;") + "..."


class Sign:
    """What is being done: words, how much of how much, and for how long; a context, and afterwards the line is gone.

    details: what follows the count, and is cut first where the line is wider than the terminal.
    """

    def __init__(self, words: str, total: int = 0, file: TextIO | None = None, details: str = "") -> None:
        self.words, self.total, self.done, self.details = words, total, 0, details
        self.file = file or sys.stderr
        self.redraws = is_for_a_person(self.file)
        self.began = time.monotonic()
        self.shown = 0.0  # seconds after the start, when it was last shown
        self.width = 0

    def __enter__(self) -> Sign:
        if _signs:
            _signs[-1].clear()
        _signs.append(self)
        return self

    def __exit__(self, *_raised: object) -> None:
        _signs.remove(self)
        self.clear()

    def at(self, done: int, words: str | None = None, details: str | None = None) -> None:
        """So much is done; shown if the last sign is old enough."""
        self.done, self.words = done, words or self.words
        self.details = self.details if details is None else details
        self.show()

    def show(self) -> None:
        """Write the line, unless it is too early, nobody wants it, or something within this work has a line."""
        seconds = time.monotonic() - self.began
        first, every = (FIRST_SECONDS, AGAIN_SECONDS) if self.redraws else (ELSEWHERE_SECONDS, ELSEWHERE_SECONDS)
        if _quiet or self.file is None or seconds < first or (self.shown and seconds - self.shown < every):
            return
        if _signs and _signs[-1] is not self:
            return
        self.shown = seconds
        with contextlib.suppress(OSError, ValueError):  # nobody takes it: that is no reason to stop
            if self.redraws:
                text = self.text(seconds, max(20, shutil.get_terminal_size().columns - 1))
                self.file.write("\r" + text.ljust(self.width))
                self.width = len(text)
            else:
                self.file.write(self.text(seconds) + "\n")
            self.file.flush()

    def text(self, seconds: float, width: int | None = None) -> str:
        """percpu-fuzz, 8 s: shrinking 3 of 40 [###....], details.

        Where that is too wide the bar is shorter or goes, then the end of the details, then the end of the words: how
        much of how much stays.
        """
        head = f"percpu-fuzz, {duration(seconds)}: {self.words}"
        done = min(self.done, self.total)  # a total may be an estimate
        count = f" {done:,} of {self.total:,}" if self.total else ""
        details = f", {self.details}" if self.details else ""
        room = BAR if width is None else min(BAR, width - len(head + count + details + " []"))
        bar = ""
        if self.redraws and self.total and room >= BAR_LEAST:
            bar = f" [{'#' * (room * done // self.total)}".ljust(room + 2, ".") + "]"
        if width is None or len(head + count) <= width:
            text = head + count + bar + details
            return text if width is None else fitted(text, width)
        return fitted(head, width - len(count)) + count

    def clear(self) -> None:
        """Take the line away, so that what is printed next begins at the left."""
        if self.redraws and self.width:
            with contextlib.suppress(OSError, ValueError):
                self.file.write("\r" + " " * self.width + "\r")
                self.file.flush()
            self.width = 0


def note(line: str) -> None:
    """A line on standard error that stays, above the sign that is shown."""
    for sign in _signs:
        sign.clear()
    if not _quiet:
        say_on_stderr(line)


@contextlib.contextmanager
def working(words: str, total: int = 0) -> Iterator[Sign]:
    """Around work that says nothing itself and forks nothing: a thread shows for how long it has been at it."""
    done = threading.Event()

    def watch(sign: Sign) -> None:
        while not done.wait(AGAIN_SECONDS / 2):
            sign.show()

    with Sign(words, total) as sign:
        thread = threading.Thread(target=watch, args=(sign,), daemon=True)
        thread.start()
        try:
            yield sign
        finally:
            done.set()
            thread.join()


LARGE_BYTES = 50 * 10**6
EVERY_SECONDS = 3.0


class WatchedFile(io.RawIOBase):
    """A file that is read once from its start. Says how far it is if it is larger than LARGE_BYTES."""

    def __init__(self, path: Path, what: str) -> None:
        self.file = open_bytes(path, "a readable trace file").detach()
        self.name, self.what = str(path), what
        self.total = path.stat().st_size
        self.done = 0
        self.began: float | None = None
        self.said = 0.0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read into a writable buffer; bytes read, 0 at the end."""
        got = self.file.readinto(buffer) or 0  # type: ignore[arg-type]  # a writable buffer, as the base class says
        self.done += got
        now = time.monotonic()
        if self.began is None:
            self.began = self.said = now
        if self.total >= LARGE_BYTES and now - self.said >= EVERY_SECONDS:
            self.said = now
            rate = self.done / (now - self.began)
            left = (self.total - self.done) / rate
            said = f"{self.what}: {self.done / 1e6:.0f} of {self.total / 1e6:.0f} MB read, about {left:.0f} s left"
            if _signs and _signs[-1].redraws:
                _signs[-1].words = said
            else:
                say_on_stderr(said)
        return got

    def close(self) -> None:
        """Close the file itself, too. It may never have been opened: Python closes what it forgets."""
        if hasattr(self, "file"):
            self.file.close()
        super().close()
