"""The live screen of a campaign in a terminal: figures, curves, findings by cause, workers, the last event.

Drawn between events by the campaign's own loop, without a thread (workers are forked while it runs). q ends in order.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Sequence
from itertools import accumulate
from types import TracebackType
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher
from percpu_fuzz.fuzz.campaign.loop import View

DRAW_SECONDS = 0.25
BARS = " .:-=+*#%@"  # ASCII, as some consoles on servers have nothing else
WASTE_BARS = 24
WIDE_COLUMNS, WIDE_BARS = 110, 60
CAUSES, CAUSES_WIDE = 4, 12  # pairs of invariant and step that are listed


def bars(values: Sequence[float], width: int) -> str:
    """A sparkline of the last `width` values, from 0 to the largest."""
    shown = list(values)[-width:]
    most = max(shown, default=0)
    if most <= 0:
        return BARS[0] * len(shown)
    return "".join(BARS[min(len(BARS) - 1, round(value / most * (len(BARS) - 1)))] for value in shown)


class Screen(View):
    """A context: inside it the terminal is drawn on and keys are read; afterwards it is as it was."""

    draws = True

    def __init__(self, title: str, budget: str, file: TextIO | None = None, keys: int | None = None) -> None:
        self.title = title
        self.budget = budget
        self.console = Console(file=file or sys.stderr, highlight=False)
        self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self.keys = keys if keys is not None else (sys.stdin.fileno() if sys.stdin and sys.stdin.isatty() else None)
        self.before: list[Any] | None = None
        self.quit = False
        self.drawn = 0.0
        self.behaviours: list[int] = []  # new ones in each second
        self.rates: list[float] = []
        self.last: tuple[float, int, int] = (0.0, 0, 0)  # elapsed, cases, behaviours at the last second

    def __enter__(self) -> Screen:
        if self.keys is not None:
            self.before = termios.tcgetattr(self.keys)
            tty.setcbreak(self.keys)
        self.live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.live.stop()
        if self.keys is not None and self.before is not None:
            termios.tcsetattr(self.keys, termios.TCSADRAIN, self.before)

    def wants_to_quit(self) -> bool:
        """Whether q was typed."""
        while self.keys is not None and not self.quit and select.select([self.keys], [], [], 0)[0]:
            typed = os.read(self.keys, 64)
            if not typed:
                self.keys = None
            self.quit = b"q" in typed or b"Q" in typed
        return self.quit

    def show(self, dispatcher: Dispatcher, busy: int, workers: int) -> None:
        """Draw, a few times a second."""
        now = time.monotonic()
        if now - self.drawn < DRAW_SECONDS:
            return
        self.drawn = now
        self.note(dispatcher)
        self.live.update(self.picture(dispatcher, busy, workers), refresh=True)

    def note(self, dispatcher: Dispatcher) -> None:
        """Keep what the curves show: cases a second and new behaviours in each second."""
        elapsed, cases, behaviours = self.last
        if dispatcher.elapsed - elapsed < 1:
            return
        found = dispatcher.live.features.bit_count()
        self.rates.append((dispatcher.live.cases.total() - cases) / (dispatcher.elapsed - elapsed))
        self.behaviours.append(found - behaviours)
        self.last = (dispatcher.elapsed, dispatcher.live.cases.total(), found)

    def picture(self, dispatcher: Dispatcher, busy: int, workers: int) -> Panel:
        """Everything, as wide as the console."""
        seen, width = dispatcher.live, max(20, self.console.width - 22)
        rate = self.rates[-1] if self.rates else 0.0
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="bold", no_wrap=True)
        rows.add_column(overflow="ellipsis", no_wrap=True)
        cases = f"{seen.cases.total():,}: {seen.cases[MEASUREMENT]:,} measured, {seen.cases[HUNTING]:,} hunted"
        rows.add_row("time", f"{dispatcher.elapsed:,.0f} s of {self.budget}")
        rows.add_row("cases", cases)
        rows.add_row("rate", f"{rate:,.0f} cases/s, {seen.steps / max(dispatcher.elapsed, 0.001):,.0f} steps/s")
        rows.add_row("", bars(self.rates, width))
        rows.add_row("behaviours", f"{seen.features.bit_count():,} found; new ones by second:")
        rows.add_row("", bars(self.behaviours, width))
        if self.is_wide():
            rows.add_row("", f"|{bars(found_by_then(self.behaviours, WIDE_BARS), WIDE_BARS)}| all, from start to now")
        rows.add_row("waste", self.waste(dispatcher))
        rows.add_row("violations", self.violations(dispatcher))
        for name, line in zip(("by cause", *("",) * CAUSES_WIDE), self.causes(dispatcher), strict=False):
            rows.add_row(name, line)
        rows.add_row("workers", f"{busy} busy of {workers}; {seen.lost} lost, {seen.given_up} batches given up")
        rows.add_row("last event", seen.last_event or "none")
        for earlier in list(seen.events)[-2::-1] if self.is_wide() else ():
            rows.add_row("before it", earlier)
        return Panel(Group(rows, Text("q ends in order", style="dim")), title=self.title, title_align="left")

    def waste(self, dispatcher: Dispatcher) -> str:
        """Measured cases by wasted pages: how many had 0, 1, 2, ... and the mean."""
        waste = dispatcher.live.waste
        total = sum(waste.values())
        if not total:
            return "no measured allocation yet"
        pages = [float(waste.get(value, 0)) for value in range(min(max(waste), WASTE_BARS - 1) + 1)]
        mean = sum(value * number for value, number in waste.items()) / total
        return f"|{bars(pages, WASTE_BARS)}| 0 to {len(pages) - 1} pages, mean {mean:.2f}"

    def violations(self, dispatcher: Dispatcher) -> str:
        """Cases by invariant."""
        found = sorted(dispatcher.live.violations.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{name} {number:,}" for name, number in found) or "none"

    def is_wide(self) -> bool:
        """Whether there is room for more than the figures."""
        return self.console.width >= WIDE_COLUMNS

    def causes(self, dispatcher: Dispatcher) -> list[str]:
        """Cases by invariant and step, the most frequent first, and how many more such pairs there are."""
        most, each = (CAUSES_WIDE, 2) if self.is_wide() else (CAUSES, 1)
        found = sorted(dispatcher.live.causes.items(), key=lambda item: (-item[1], item[0]))
        cells = [f"{name:24} {number:>12,}" for name, number in found[:most]]
        lines = ["    ".join(cells[i : i + each]) for i in range(0, len(cells), each)]
        return [*lines, f"and {len(found) - most} more"] if len(found) > most else lines


def found_by_then(new: Sequence[int], width: int) -> list[int]:
    """The sum up to each of `width` moments from the start to now: what was found by then."""
    sums = list(accumulate(new))
    return [sums[(i + 1) * len(sums) // width - 1] for i in range(width)] if len(sums) >= width else sums[:]
