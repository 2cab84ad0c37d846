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
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher
from percpu_fuzz.fuzz.campaign.loop import View
from percpu_fuzz.reports.sections.brief.functions import function_of

DRAW_SECONDS = 0.25
BARS = " .:-=+*#%@"  # ASCII, as some consoles on servers have nothing else
BLOCKS = " \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
PROGRESS_BAR, NAMES_WIDTH = 24, 10
WASTE_BARS = 24
WIDE_COLUMNS, WIDE_BARS = 110, 60
CAUSES, CAUSES_WIDE = 4, 12  # pairs of invariant and function that are listed


def bars(values: Sequence[float], width: int, signs: str = BARS) -> str:
    """A sparkline of the last `width` values, from 0 to the largest; what is there shows at least the lowest bar."""
    shown = list(values)[-width:]
    most, top = max(shown, default=0), len(signs) - 1
    if most <= 0:
        return signs[0] * len(shown)
    return "".join(signs[0 if value <= 0 else max(1, min(top, round(value / most * top)))] for value in shown)


class _Rows(Table):
    """A grid whose cells are text as it stands: brackets are no markup."""

    def add_row(self, *cells: Any, **more: Any) -> None:
        """A row; a string is text."""
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **more)


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
        self.last: tuple[float, int, int] | None = None  # elapsed, cases, behaviours at the last second
        self.causes_seen: set[str] = set()
        self.last_find = ""
        self.signs = BLOCKS if self.console.encoding.lower().startswith("utf") else BARS

    def __enter__(self) -> Screen:
        if self.keys is not None:
            self.before = termios.tcgetattr(self.keys)
            tty.setcbreak(self.keys)
        self.live.start()
        return self

    def __exit__(self, *_raised: object) -> None:
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
        """Keep what the curves show, cases a second and new behaviours in each second, and what was found last."""
        live, found = dispatcher.live, dispatcher.live.features.bit_count()
        if self.last is None:  # what earlier sessions found is no find of this one, and their cases no rate
            self.last, self.causes_seen = (dispatcher.elapsed, live.cases.total(), found), set(live.causes)
            return
        for cause in sorted(set(live.causes) - self.causes_seen):
            self.last_find = f"{cause_words(cause)}, at {dispatcher.elapsed:,.0f} s"
        self.causes_seen |= set(live.causes)
        elapsed, cases, behaviours = self.last
        if dispatcher.elapsed - elapsed < 1:
            return
        self.rates.append((live.cases.total() - cases) / (dispatcher.elapsed - elapsed))
        self.behaviours.append(found - behaviours)
        self.last = (dispatcher.elapsed, live.cases.total(), found)

    def picture(self, dispatcher: Dispatcher, busy: int, workers: int) -> Panel:
        """Everything, as wide as the console."""
        seen, width = dispatcher.live, max(16, self.console.width - 46)
        rows = _Rows.grid(padding=(0, 2))
        rows.add_column(style="bold", no_wrap=True, min_width=NAMES_WIDTH)
        rows.add_column(overflow="ellipsis", no_wrap=True)
        cases = f"{seen.cases.total():,}"
        if dispatcher.limits.checks:
            cases += f": {seen.cases[MEASUREMENT]:,} measured, {seen.cases[HUNTING]:,} hunted"
        rows.add_row("time", f"{dispatcher.elapsed:,.0f} s of {self.budget}{self.progress(dispatcher)}")
        rows.add_row("phase", phase_words(dispatcher, busy))
        rows.add_row("cases", cases)
        rows.add_row("cases/s", self.curve(self.rates, width))
        for name, line in self.what_is_found(dispatcher, width) if dispatcher.limits.checks else ():
            rows.add_row(name, line)
        rows.add_row("waste", self.waste(dispatcher))
        if not dispatcher.limits.checks:
            rows.add_row("violations", "not looked for")
        rows.add_row("workers", f"{busy} busy of {workers}; {seen.lost} lost, {seen.given_up} batches given up")
        if seen.last_event:
            rows.add_row("last event", seen.last_event)
        for earlier in list(seen.events)[-2::-1] if self.is_wide() else ():
            rows.add_row("before it", earlier)
        return Panel(Group(rows, Text("q or Ctrl-C ends in order", style="dim")), title=self.title, title_align="left")

    def what_is_found(self, dispatcher: Dispatcher, width: int) -> Iterator[tuple[str, str | Text]]:
        """Behaviours and violations, a line each with its name."""
        seen = dispatcher.live
        yield "behaviours", f"{seen.features.bit_count():,} found; new ones in each second:"
        yield "", self.curve(self.behaviours, width)
        if self.is_wide():
            whole = bars(found_by_then(self.behaviours, WIDE_BARS), WIDE_BARS, self.signs)
            yield "", f"|{whole}| all, from start to now"
        yield "violations", Text(self.violations(dispatcher), style="bold red" if seen.violations else "green")
        yield from zip(("findings", *("",) * CAUSES_WIDE), self.causes(dispatcher), strict=False)
        yield "last find", self.last_find or "none in this session"

    def curve(self, values: Sequence[float], width: int) -> str:
        """A sparkline between bars with the largest value of what it shows, and the last one."""
        if not values:
            return "in a second"
        shown = list(values)[-width:]
        return f"|{bars(shown, width, self.signs)}| {shown[-1]:,.0f}, top {max(shown):,.0f}"

    def progress(self, dispatcher: Dispatcher) -> str:
        """A bar of how much of the budget is used; nothing where none is known."""
        limits = dispatcher.limits
        shares = [dispatcher.elapsed / limits.seconds] if limits.seconds else []
        shares += [dispatcher.live.cases.total() / (limits.cases * limits.shard.count)] if limits.cases else []
        if not shares:
            return ""
        share = min(1.0, max(shares))
        full = int(PROGRESS_BAR * share)
        return f"  [{self.signs[-1] * full}{'.' * (PROGRESS_BAR - full)}] {100 * share:.0f}%"

    def waste(self, dispatcher: Dispatcher) -> str:
        """Measured cases by wasted pages: how many had 0, 1, 2, ... and the mean."""
        waste = dispatcher.live.waste
        total = sum(waste.values())
        if not total:
            return "no measured allocation yet"
        pages = [float(waste.get(value, 0)) for value in range(min(max(waste), WASTE_BARS - 1) + 1)]
        mean = sum(value * number for value, number in waste.items()) / total
        return f"|{bars(pages, WASTE_BARS, self.signs)}| 0 to {len(pages) - 1} pages, mean {mean:.2f}"

    def violations(self, dispatcher: Dispatcher) -> str:
        """Cases by invariant."""
        found = sorted(dispatcher.live.violations.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(f"{name} {number:,}" for name, number in found) or "none"

    def is_wide(self) -> bool:
        """Whether there is room for more than the figures."""
        return self.console.width >= WIDE_COLUMNS

    def causes(self, dispatcher: Dispatcher) -> list[str]:
        """Cases by invariant and function, the most frequent first, and how many more such pairs there are."""
        most, each = (CAUSES_WIDE, 2) if self.is_wide() else (CAUSES, 1)
        cases = Counter[str]()
        for cause, number in dispatcher.live.causes.items():
            cases[cause_words(cause)] += number  # steps of one function are one
        found = sorted(cases.items(), key=lambda item: (-item[1], item[0]))
        cells = [f"{words:38} {number:>11,}" for words, number in found[:most]]
        lines = ["    ".join(cells[i : i + each]) for i in range(0, len(cells), each)]
        return [*lines, f"and {len(found) - most} more"] if len(found) > most else lines


def cause_words(cause: str) -> str:
    """I8 obj_cgroup_release() of "I8 at RL_NODE"."""
    invariant, _, label = cause.partition(" at ")
    return f"{invariant} {function_of(label)}"


def phase_words(dispatcher: Dispatcher, busy: int) -> str:
    """What the campaign is doing."""
    if dispatcher.ending or dispatcher.interrupted:
        last = "findings are shrunk and reports written" if dispatcher.limits.checks else "reports are written"
        return f"ending: {busy} batches in hand are finished, then {last}"
    return "going on with what is stored" if dispatcher.resumed else "running batches"


def found_by_then(new: Sequence[int], width: int) -> list[int]:
    """The sum up to each of `width` moments from the start to now: what was found by then."""
    sums = list(accumulate(new))
    return [sums[(i + 1) * len(sums) // width - 1] for i in range(width)] if len(sums) >= width else sums[:]
