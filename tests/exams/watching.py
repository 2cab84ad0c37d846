"""What watching a campaign costs: its log, its live screen, readers of its store; and what a second worker brings."""

from __future__ import annotations

import contextlib
import os
import pty
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from exams.endurance import batches_stored, command, report, run

PAIRS = 20
DRAWN_LEAST = 2_000  # bytes a second of a screen that is drawn
BY_CPU_TIME = """
import sys, time, types
import percpu_fuzz.fuzz.campaign.events
from percpu_fuzz.fuzz.cli import call
percpu_fuzz.fuzz.campaign.events.time = types.SimpleNamespace(**{**vars(time), "perf_counter": time.thread_time})
sys.exit(call())
"""


def two_workers() -> dict[str, Any]:
    """Cases a second of two workers over those of one, median of five interleaved pairs."""
    ratios = []
    for seed in range(5):
        rates = {workers: _rate("--workers", str(workers), "--seed", str(seed)) for workers in (1, 2)}
        ratios.append(rates[2] / rates[1])
    ratio = statistics.median(ratios)
    return {"passed": ratio >= 1.8, "median_ratio": round(ratio, 3), "ratios": [round(r, 3) for r in ratios]}


def _rate(*arguments: str) -> float:
    """Cases a second of 150,000 cases, without findings."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(Path(folder) / "out", "--variant", "fixed", "--cases", "150000", *arguments)
    return float(done["cases"]) / float(done["seconds"])


Process = subprocess.Popen[bytes]
Campaign = Callable[[Path, int, int], contextlib.AbstractContextManager[Process]]
"""Begins a campaign in this folder, with this seed, on this core; leaving the context cleans up behind its end."""


def begin(out: Path, seed: int, core: int, variant: str, *more: str, **streams: Any) -> Process:
    """A campaign of one worker, with about six seconds of batches, all of it on one core.

    Its store has the CPU seconds of each batch: the worker's clock is its thread's.
    """
    budget = ("--variant", variant, "--workers", "1", "--cases", "75000", "--seed", str(seed))
    line = [sys.executable, "-c", BY_CPU_TIME, "run", "--out", str(out), *budget, *more]
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})  # what is started inherits it
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, **streams)
    os.sched_setaffinity(0, every)
    return process


@contextlib.contextmanager
def plain_lines(out: Path, seed: int, core: int, variant: str = "fixed") -> Iterator[Process]:
    """As without a terminal, with the log of every batch."""
    yield begin(out, seed, core, variant, "--plain", stderr=subprocess.DEVNULL)
    assert _logged(out) >= batches_stored(out) > 0


@contextlib.contextmanager
def without_log(out: Path, seed: int, core: int) -> Iterator[Process]:
    """The same, with errors alone in the log."""
    yield begin(out, seed, core, "fixed", "--plain", "--log-level", "error", stderr=subprocess.DEVNULL)
    assert _logged(out) == 0


def _logged(out: Path) -> int:
    """Batches that the log has a line of; a log without a record has no file."""
    log = out / "campaign.log"
    return sum(" steps, " in line for line in log.read_text().splitlines()) if log.exists() else 0


@contextlib.contextmanager
def violating(out: Path, seed: int, core: int) -> Iterator[Process]:
    """Plain lines of a variant that violates."""
    with plain_lines(out, seed, core, "v2") as process:
        yield process


@contextlib.contextmanager
def live_screen(out: Path, seed: int, core: int) -> Iterator[Process]:
    """The same in a wide terminal that somebody reads: every part of the screen has something to show."""
    master, slave = pty.openpty()
    drawn: list[int] = []
    reader = threading.Thread(target=_drain, args=(master, drawn))
    reader.start()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "140", "LINES": "50"}
    process = begin(out, seed, core, "v2", env=environment, stdin=slave, stderr=slave)
    yield process
    os.close(slave)
    reader.join()
    os.close(master)
    assert sum(drawn) > DRAWN_LEAST * report(out)["seconds"], f"{sum(drawn)} bytes were drawn"


def _drain(descriptor: int, drawn: list[int]) -> None:
    with contextlib.suppress(OSError):
        while part := os.read(descriptor, 65536):
            drawn.append(len(part))


@contextlib.contextmanager
def read_meanwhile(out: Path, seed: int, core: int) -> Iterator[Process]:
    """With its store read 50 times a second from another core."""
    reads = Reads()
    with plain_lines(out, seed, core) as process:
        reader = threading.Thread(target=_read_from, args=(_cores()[1], reads, process, out))
        reader.start()
        yield process
        reader.join()
    assert reads.errors == 0
    assert reads.done > 40 * report(out)["seconds"]


def _read_from(core: int, reads: Reads, process: Process, out: Path) -> None:
    os.sched_setaffinity(0, {core})  # of this thread alone
    reads.until_end_of(process, out)


@dataclass
class Reads:
    """Reads of a living campaign's store, 50 a second, and how many of them failed."""

    done: int = 0
    errors: int = 0

    def until_end_of(self, process: Process, out: Path) -> None:
        due = time.monotonic()
        while process.poll() is None:
            due = max(due + 0.02, time.monotonic() - 1)
            time.sleep(max(0.0, due - time.monotonic()))
            if (out / "campaign.db").exists():
                self._read(out)

    def _read(self, out: Path) -> None:
        try:
            connection = sqlite3.connect(f"file:{out / 'campaign.db'}?mode=ro", uri=True, timeout=0.1)
            with contextlib.closing(connection):
                connection.execute("SELECT count(*), max(k) FROM batch").fetchone()
            self.done += 1
        except sqlite3.Error as error:
            self.errors += "no such table" not in str(error)


class Took(NamedTuple):
    """Seconds of a campaign's batches, from the first to the last, and CPU seconds inside them."""

    seconds: float
    cpu_seconds: float


Measure = Callable[[tuple[Campaign, Campaign], int], list[Took]]
"""What two campaigns of one seed took."""


def _cost(without: Campaign, with_it: Campaign, measure: Measure) -> dict[str, Any]:
    """Relative cost: median of pairs and the upper end of its 95% interval (order statistics).

    Machines that others share change their speed by a fifth from one second to the next, far more than what is asked
    about. So a run's figure is its time over the CPU time of its batches, whose work is the same in both: a slow moment
    stretches the two alike. All else that a campaign does shares its one core, and counts. What slows the batches down
    from inside (caches that drawing or reading empties) is divided out: it is stated apart, as the ratio of their
    CPU times, with the noise of the machine in it. In every second pair the other one comes first.
    """
    costs, inside = [], []
    for seed in range(PAIRS):
        arms = (without, with_it) if seed % 2 == 0 else (with_it, without)
        took = dict(zip(arms, measure(arms, seed), strict=True))
        one, other = took[without], took[with_it]
        inside.append(other.cpu_seconds / one.cpu_seconds - 1)
        costs.append(other.seconds / other.cpu_seconds * one.cpu_seconds / one.seconds - 1)
    costs.sort()
    inside.sort()
    low, high = costs[5], costs[14]  # of 20: ranks 6 and 15 enclose the median with 95.9%
    return {
        "passed": high < 0.03,
        "median_percent": round(100 * statistics.median(costs), 2),
        "interval_percent": [round(100 * low, 2), round(100 * high, 2)],
        "inside_batches_percent": [round(100 * inside[i], 1) for i in (5, 9, 14)],
        "pairs": PAIRS,
    }


def _side_by_side(arms: tuple[Campaign, Campaign], seed: int) -> list[Took]:
    """Both at a time, each on a core of its own."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        outs = (Path(folder) / "first", Path(folder) / "second")
        processes = [
            stack.enter_context(arm(out, seed, core)) for arm, out, core in zip(arms, outs, _cores(), strict=True)
        ]
        for process in processes:
            process.wait()
        return [_took(out) for out in outs]


def _in_turn(arms: tuple[Campaign, Campaign], seed: int) -> list[Took]:
    """One after the other on the same core; the next core is for what is not part of the campaign."""
    figures = []
    for arm in arms:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            with arm(out, seed, _cores()[0]) as process:
                process.wait()
            figures.append(_took(out))
    return figures


def _cores() -> list[int]:
    """Two cores: one for the campaign, one for who watches or for the second of a pair."""
    found = sorted(os.sched_getaffinity(0))
    if len(found) < 2:
        raise RuntimeError("measuring what watching costs takes two cores, and this process may use one")
    return found[:2]


def _took(out: Path) -> Took:
    """Seconds of a campaign, and CPU seconds of its batches."""
    with contextlib.closing(sqlite3.connect(out / "campaign.db")) as connection:
        cpu_seconds = connection.execute("SELECT sum(seconds) FROM batch").fetchone()[0]
    return Took(float(report(out)["seconds"]), float(cpu_seconds))


def log_cost() -> dict[str, Any]:
    """A record for each batch against none."""
    return _cost(without_log, plain_lines, _side_by_side)


def screen_cost() -> dict[str, Any]:
    """The live screen in a wide terminal against plain lines, with violations to show."""
    return _cost(violating, live_screen, _side_by_side)


def readers() -> dict[str, Any]:
    """One worker for five minutes, its store read 50 times a second; then what reading costs, in pairs."""
    reads = Reads()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        line = command("run", "--time", "300", "--seed", "8", "--workers", "1", "--plain", "--out", str(out))
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        reads.until_end_of(process, out)
        cases = report(out)["cases"]
    found = _cost(plain_lines, read_meanwhile, _in_turn)
    return found | {
        "passed": found["passed"] and reads.errors == 0 and reads.done > 14_000,
        "reads": reads.done,
        "errors": reads.errors,
        "cases": cases,
    }


LINES = {
    "two-workers": two_workers,
    "log-cost": log_cost,
    "screen-cost": screen_cost,
    "readers": readers,
}
