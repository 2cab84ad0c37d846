"""The first Ctrl-C, SIGTERM or SIGHUP asks for an end in order; the second one is a KeyboardInterrupt."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

HEARD = b"\npercpu-fuzz: ending in order; once more ends it at once\n"


def asking() -> list[signal.Signals]:
    """Signals that ask for the end. Not SIGHUP under nohup, which has the system ignore it."""
    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []
    return [signal.SIGINT, signal.SIGTERM, *hangup]


def leave(number: int, _frame: FrameType | None) -> None:
    """End at once: nothing has been made. No exception, which an import that it comes up in may turn into another."""
    with suppress(OSError):  # nobody may be there to tell
        os.write(2, b"percpu-fuzz: interrupted\n")
    os._exit(128 + number)


@contextmanager
def taken_away() -> Iterator[None]:
    """Where something temporary has been made: what would leave() is a KeyboardInterrupt, so that it goes again."""
    leaving = [number for number in asking() if signal.getsignal(number) is leave]
    if threading.current_thread() is not threading.main_thread():
        leaving = []  # others cannot, and need not: signals come up in the main thread
    for number in leaving:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in leaving:
            signal.signal(number, leave)


class Interrupts:
    """Whether somebody asked for the end while caught() was in force."""

    def __init__(self) -> None:
        self.seen = False
        self.raises = False
        self.says_so = True  # where nothing else shows that the signal has been heard

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Note the first signal instead of dying of it."""

        def handler(_number: int, _frame: FrameType | None) -> None:
            self.seen = True
            for number in before:
                signal.signal(number, signal.default_int_handler)
            if self.says_so:
                with suppress(OSError):
                    os.write(2, HEARD)
            if self.raises:
                raise KeyboardInterrupt

        before: dict[signal.Signals, Any] = {}
        for number in asking():
            before[number] = signal.signal(number, handler)
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)

    @contextmanager
    def left_at_once(self) -> Iterator[None]:
        """A part of which nothing is lost: the first signal ends it, and what follows it goes on; `seen` says so."""
        self.raises = not self.seen
        try:
            yield
        except KeyboardInterrupt:
            if not self.seen:
                raise
        finally:
            self.raises = False

    def or_at(self, until: float | None) -> Callable[[], bool]:
        """A question: has the end been asked for, or is it so late by time.monotonic() (None: no limit)?

        Where the end was asked for before, only the time counts.
        """
        before = self.seen
        return lambda: (self.seen and not before) or (until is not None and time.monotonic() >= until)
