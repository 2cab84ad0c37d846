"""The first Ctrl-C or SIGTERM asks for an end in order; the second one is a KeyboardInterrupt."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupts:
    """Whether somebody asked for the end while caught() was in force."""

    def __init__(self) -> None:
        self.seen = False

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Note the first signal instead of dying of it."""

        def handler(_number: int, _frame: FrameType | None) -> None:
            self.seen = True
            for number in before:
                signal.signal(number, signal.default_int_handler)

        before: dict[signal.Signals, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, handler)
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)

    def or_after(self, seconds: float | None) -> Callable[[], bool]:
        """A question: has the end been asked for, or are so many seconds over (None: no limit)?"""
        until = None if seconds is None else time.monotonic() + seconds
        return lambda: self.seen or (until is not None and time.monotonic() >= until)
