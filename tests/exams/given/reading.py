"""How fast traces are read and replayed, and that memory does not grow with their length."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from exams.given.damage import RUNS, lines_of, run_folder

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.fidelity.replay import replay_workload, warm
from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.trace.rewrite import FORMS, rewritten
from percpu_fuzz.strategies.trace.trace_stream import TraceStream
from percpu_fuzz.strategies.trace.tracefs import LineCounts, read_events

LINES_A_SECOND = 300_000
ROUNDS = 9  # spread over the whole measurement: the best of each file is the least disturbed
RUN_NAMES = ("r1", "r3", "r5", "r6", "r11", "r12")
TIMES_LONGER = 8
GROWTH_MOST = 1.1
READ = """
import resource, sys
from collections import deque
from pathlib import Path
from percpu_fuzz.strategies.trace.tracefs import read_events
deque(read_events(Path(sys.argv[1])), 0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def pass_over(path: Path) -> tuple[LineCounts, float]:
    """What one reading saw, and its CPU seconds."""
    counts, began = LineCounts(), time.process_time()
    deque(read_events(path, counts), 0)
    return counts, time.process_time() - began


def rates_of(paths: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Lines a second of CPU time by name: best and median of ROUNDS passes, taken in turn."""
    seen: dict[str, list[float]] = {name: [] for name in paths}
    counts: dict[str, LineCounts] = {}
    for _ in range(ROUNDS):
        for name, path in paths.items():
            counts[name], seconds = pass_over(path)
            seen[name].append(counts[name].lines / seconds)
    return {
        name: {
            "lines": counts[name].lines,
            "events": counts[name].events,
            "lines_a_second": round(max(rates)),
            "median": round(statistics.median(rates)),
        }
        for name, rates in seen.items()
    }


def written(path: Path, lines: Iterable[str]) -> Path:
    with path.open("w") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def files(work: Path) -> Iterator[tuple[str, Path]]:
    """Each recorded run, and r1's percpu events alone in three shapes."""
    for folder in sorted(RUNS.glob("r[0-9]*-*")):
        yield folder.name.split("-")[0], folder / "percpu.trace.gz"
    lines = [line for line in lines_of(run_folder("r1")) if " percpu_" in line]
    yield "percpu events only", written(work / "tracefs", lines)
    for form in FORMS:
        yield form, written(work / form, rewritten(lines, form))


def trace_speed() -> dict[str, Any]:
    """At least 300,000 lines a second of each recorded run are read on one core; what has our events alone beside them,
    as every line of it costs what one line in three of a run does.
    """
    with tempfile.TemporaryDirectory() as work:
        found = rates_of(dict(files(Path(work))))
    runs = [row for name, row in found.items() if name in RUN_NAMES]
    return {"passed": len(runs) == len(RUN_NAMES) and all(r["lines_a_second"] >= LINES_A_SECOND for r in runs), **found}


def peak_kb(path: Path) -> int:
    """Peak memory of a process that reads a trace, KiB."""
    told = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
    return int(told.stdout)


def trace_memory() -> dict[str, Any]:
    """A trace eight times as long is read with the same memory."""
    lines = list(lines_of(run_folder("r11")))
    with tempfile.TemporaryDirectory() as work:
        short = written(Path(work) / "short", lines)
        long = written(Path(work) / "long", (line for _ in range(TIMES_LONGER) for line in lines))
        sizes = {"short_bytes": short.stat().st_size, "long_bytes": long.stat().st_size}
        peaks = {"short_kb": peak_kb(short), "long_kb": peak_kb(long)}
    return {"passed": peaks["long_kb"] <= GROWTH_MOST * peaks["short_kb"], **sizes, **peaks}


def replay_speed() -> dict[str, Any]:
    """The same runs read, turned into operations and replayed on base: lines a second, stated apart from reading."""
    warm()
    rates = {}
    for folder in sorted(RUNS.glob("r[0-9]*-*")):
        topology = import_path(folder).topology
        trace, began = TraceStream(folder / "percpu.trace.gz", folder.name, topology), time.process_time()
        replayed = replay_workload(trace, topology, VARIANTS["base"])
        seconds = time.process_time() - began
        rates[folder.name.split("-")[0]] = {
            "lines_a_second": round(trace.counts.lines / seconds),
            "operations": replayed.counts.total(),
        }
    return {"passed": bool(rates), **rates}


LINES = {"trace-speed": trace_speed, "trace-memory": trace_memory, "replay-speed": replay_speed}
