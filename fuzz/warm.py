"""`percpu-fuzz warm`, or `python -m percpu_fuzz.fuzz.warm`: compile all that campaigns and recorded runs need.

The size classes are compiled side by side, one process each: a class is one long single-threaded compilation.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from multiprocessing.connection import wait

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.campaign import exploration
from percpu_fuzz.fuzz.errors import BROKEN
from percpu_fuzz.fuzz.progress import Sign
from percpu_fuzz.fuzz.shrink.attempt import MACHINES, load
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.fidelity import replay as recorded
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan

CLASSES = ("small", "wide", "trace")
WATCH_SECONDS = 0.5


def warm_class(size_class: str) -> None:
    """Compile one size class in this process; from the cache if it is there."""
    if size_class == "trace":
        recorded.warm()
    else:
        machine = preset(MACHINES[size_class])
        Batches(make_plan("v2", 0, machine)).warm()
        load(machine)
        if size_class == "small":
            exploration.prepare(VARIANTS["fixed"], print)


def warm() -> int:
    """Compile two size classes and recorded runs, a process each, and say how long it took; BROKEN if one failed."""
    start = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    workers = {name: context.Process(target=warm_class, args=(name,), daemon=True) for name in CLASSES}
    print(f"percpu-fuzz: compiling the engine, once for this code: {', '.join(CLASSES)}", flush=True)
    for worker in workers.values():
        worker.start()
    with Sign("compiling the engine:", len(workers)) as sign:
        while any(worker.is_alive() for worker in workers.values()):
            wait([worker.sentinel for worker in workers.values() if worker.is_alive()], WATCH_SECONDS)
            left = [name for name, worker in workers.items() if worker.is_alive()]
            sign.at(len(workers) - len(left), f"compiling the engine, still {', '.join(left)}: done")
    failed = {name: worker.exitcode for name, worker in workers.items() if worker.exitcode}
    if failed:
        said = ", ".join(f"{name} ended with {code}" for name, code in failed.items())
        print(f"percpu-fuzz: engine not compiled: {said}", file=sys.stderr)
        return BROKEN
    print(f"engine compiled and cached in {time.perf_counter() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(warm())
