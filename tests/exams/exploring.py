"""Exhaustive search at full numbers: micro-programs of three tasks and six steps; both tools' speed on one model."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from micro_programs import drawn
from test_spin import TWINS, check

from percpu_fuzz.strategies.explore.search import Budget, explore
from percpu_fuzz.strategies.explore.world import micro_world

SEEDS = range(100, 105)


def micro_tree() -> dict[str, Any]:
    """Five programs of 3 x 6: every reduction ends where the whole tree of interleavings does, with far fewer steps."""
    ratios: dict[str, list[float]] = {"sleep": [], "hash": [], "both": []}
    same, steps = True, []
    for seed in SEEDS:
        program = drawn(seed, 3, 6)
        tree = explore(micro_world(program), "none", Budget(most_states=10**10))
        steps.append(tree.transitions)
        for reduction, row in ratios.items():
            done = explore(micro_world(program), reduction, Budget())
            same = same and done.complete and tree.complete and done.ends == tree.ends
            row.append(tree.transitions / (done.transitions + done.probes))
    medians = {name: round(statistics.median(row), 1) for name, row in ratios.items()}
    return {"passed": same and min(medians.values()) >= 10, "tree_steps": steps, "median_times_fewer": medians}


def spin_speed() -> dict[str, Any]:
    """States a second of SPIN and of the search on the largest of the five models, from one run."""
    if shutil.which("spin") is None:
        return {"passed": False, "error": "spin is not installed"}
    with tempfile.TemporaryDirectory() as folder:
        spin = check("exchange", Path(folder))
    twin = TWINS["exchange"]
    explore(micro_world(twin.program), "hash", Budget())
    start = time.perf_counter()
    done = explore(micro_world(twin.program), "hash", Budget())
    seconds = time.perf_counter() - start
    return {
        "passed": len(spin.ends) == len(done.ends),
        "spin_states": spin.states,
        "spin_states_per_second": round(spin.states / max(spin.seconds, 0.01)),
        "states": done.states,
        "states_per_second": round(done.states / seconds),
        "terminal_states": len(done.ends),
    }


LINES = {"micro_tree": micro_tree, "spin_speed": spin_speed}
