"""`percpu-fuzz warm`, `python -m percpu_fuzz.fuzz.warm [PART...]`: compile before the first run what it would compile.

`make setup` compiles what campaigns run; the rest waits for the first command that wants it, or for `make test`. Parts
that share nothing are compiled side by side, a process each, as one of them is one long compilation on one core.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compile_listeners import LISTENERS
from percpu_fuzz.engine.core.compiled import functions_below
from percpu_fuzz.engine.core.marked_file import UNKEPT
from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.campaign import exploration
from percpu_fuzz.fuzz.errors import BROKEN
from percpu_fuzz.fuzz.progress import Sign
from percpu_fuzz.fuzz.shrink.attempt import MACHINES, load
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.explore.breadth_first import search_level
from percpu_fuzz.strategies.explore.depth_first import search_depth_first
from percpu_fuzz.strategies.fidelity import replay as recorded
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.cases import run_cases
from percpu_fuzz.strategies.run.drive import run_operations, watch_operations
from percpu_fuzz.strategies.run.recorded_walk import walk_recorded
from percpu_fuzz.strategies.run.sampling import sample_cases


@dataclass(frozen=True, slots=True)
class Entries:
    """What is compiled together. load: runs each of the entries once, so that they are compiled or in the cache."""

    load: Callable[[], None]
    entries: tuple[Callable[..., Any], ...]


def load_campaigns(size_class: str) -> None:
    """One case of a batch on a machine of this class, one that is sampled, and one that is shrunk."""
    machine = preset(MACHINES[size_class])
    plan = make_plan("v2", 0, machine)
    for waste_only in (False, True):
        Batches(plan).run(replace(plan.batch_of(MEASUREMENT, 0), cases=1, waste_only=waste_only))
    load(machine)


COMPILED = {
    "small": Entries(lambda: load_campaigns("small"), (run_cases, sample_cases, walk_recorded)),
    "wide": Entries(lambda: load_campaigns("wide"), (run_cases, sample_cases, walk_recorded)),
    "explore": Entries(lambda: exploration.prepare(VARIANTS["fixed"], print), (search_depth_first, search_level)),
    "trace": Entries(recorded.warm, (reset, run_operations, watch_operations)),
}
SIDE_BY_SIDE = (("small", "explore"), ("wide",), ("trace",))  # what explore runs is mostly what small has
WATCH_SECONDS = 0.5


def names_of(names: Sequence[str]) -> set[str]:
    """Names of the functions that parts compile."""
    return functions_below(entry for name in names for entry in COMPILED[name].entries)


def load_in_turn(names: Sequence[str], counts: Any, place: int) -> None:
    """Load parts one after the other in this process; counts[place] is how many functions were compiled so far.

    Only those that the total names are counted: others are reached through a module or made on the way. SystemExit if
    what was compiled could not be kept.
    """
    begun: set[str] = set()
    named = names_of(names)

    def count(function: str) -> None:
        if function in named:
            begun.add(function)
        counts[place] = len(begun)

    LISTENERS.append(count)
    for name in names:
        COMPILED[name].load()
    if UNKEPT:
        sys.exit(1)


def warm(names: Sequence[str] = tuple(COMPILED), say: Callable[[str], None] = print) -> int:
    """Compile these parts, or find them in the cache, and say how long it took; 0, or BROKEN if a process failed."""
    start = time.monotonic()
    rows = [row for group in SIDE_BY_SIDE if (row := [name for name in group if name in names])]
    totals = [len(names_of(row)) for row in rows]
    context = get_context("spawn")
    counts: Any = context.Array("i", len(rows))
    processes: list[BaseProcess] = [
        context.Process(target=load_in_turn, args=(row, counts, place), daemon=True) for place, row in enumerate(rows)
    ]
    for process in processes:
        process.start()
    with Sign("compiling the engine, functions", sum(totals)) as sign:
        while alive := [process for process in processes if process.is_alive()]:
            wait([process.sentinel for process in alive], WATCH_SECONDS)
            done = [f"{' and '.join(row)} {n} of {of}" for row, n, of in zip(rows, counts, totals, strict=True)]
            sign.at(sum(counts), details=f"once for this code: {', '.join(done)}")
    parts = ", ".join(name for row in rows for name in row)
    if failed := [f"exit code {process.exitcode}" for process in processes if process.exitcode]:
        say(f"engine for {parts} not compiled: {', '.join(failed)}")
        return BROKEN
    what = "compiled and cached" if any(counts) else "found in the cache"
    say(f"engine for {parts} {what} in {time.monotonic() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(warm([name for name in COMPILED if name in sys.argv] or tuple(COMPILED)))
