"""`python -m percpu_fuzz.fuzz.warm`: compile what campaigns and recorded runs need, before the first.

The size classes are compiled side by side, one process each: a class is one long single-threaded compilation.
"""

from __future__ import annotations

import multiprocessing
import sys
import time

from percpu_fuzz.fuzz.campaign import exploration
from percpu_fuzz.fuzz.shrink.attempt import MACHINES, load
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.fidelity import replay as recorded
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan


def warm_class(size_class: str) -> None:
    """Compile one size class in this process; from the cache if it is there."""
    if size_class == "trace":
        recorded.warm()
    else:
        machine = preset(MACHINES[size_class])
        Batches(make_plan("v2", 0, machine)).warm()
        load(machine)
        if size_class == "small":
            exploration.prepare()


def warm() -> int:
    """Compile two size classes and recorded runs, a process each, and print the seconds; 1 if a process failed."""
    start = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=warm_class, args=(name,)) for name in ("small", "wide", "trace")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        print(
            "engine not compiled: " + ", ".join(f"exit code {worker.exitcode}" for worker in workers), file=sys.stderr
        )
        return 1
    print(f"engine compiled and cached in {time.perf_counter() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(warm())
