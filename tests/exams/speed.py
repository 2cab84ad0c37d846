"""Speed as ratios within one run: compiled against the same source in plain mode, and what the checks cost.

By CPU time: what else runs on the machine is no part of a rate per core.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from typing import Any

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import families, preset
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import drawn_case
from percpu_fuzz.strategies.run.features import new_trail
from percpu_fuzz.strategies.run.walk import CHECK_ALL, CHECK_NONE, CHECK_TOUCHED, run_case
from percpu_fuzz.strategies.schedulers.record import new_sched

ROUNDS = 5
PLAIN_CASES = 40


def compiled_rate(batches: Batches, number: int, checks: int) -> float:
    """Steps per second on one core over the first measurement batches, drawing included; without their canaries."""
    steps, start = 0, time.process_time()
    for k in range(number):
        steps += batches.run(batches.batch_of("measurement", k), checks).steps
    return steps / (time.process_time() - start)


def plain_rate(batch: Batch) -> float:
    """The same source as plain Python, on the first cases of a batch; drawing is not counted."""
    steps, seconds = 0, 0.0
    for case in range(PLAIN_CASES):
        topo, prog, state, rng, _, _ = drawn_case(batch, case)
        sched, trail = PlainRecord(new_sched()[0]), PlainRecord(new_trail()[0])
        start = time.process_time()
        plain(reset)(topo, prog, state, False)
        plain(run_case)(topo, prog, state, rng, sched, trail, CHECK_TOUCHED, 1_000_000)
        seconds += time.process_time() - start
        steps += state.nr_steps
    return steps / seconds


def speed() -> dict[str, Any]:
    """Class small with incremental checks: at least 5 million steps/s/core and 50 times plain mode; wide beside it."""
    small = Batches(Plan(VARIANTS["v2"], 1, families()[:1]))
    wide = Batches(make_plan("v2", 1, preset("epyc176")))
    rows: dict[str, list[float]] = {name: [] for name in ("small", "unchecked", "all_checks", "plain", "wide")}
    for batches in (small, wide):
        batches.warm()
    for _ in range(ROUNDS):
        rows["small"].append(compiled_rate(small, 12, CHECK_TOUCHED))
        rows["unchecked"].append(compiled_rate(small, 12, CHECK_NONE))
        rows["all_checks"].append(compiled_rate(small, 6, CHECK_ALL))
        rows["plain"].append(plain_rate(small.batch_of("measurement", 0)))
        rows["wide"].append(compiled_rate(wide, 2, CHECK_TOUCHED))
    rate = {name: statistics.median(values) for name, values in rows.items()}
    ratio = rate["small"] / rate["plain"]
    return {
        "passed": rate["small"] >= 5e6 and ratio >= 50,
        "steps_per_second": {name: round(value) for name, value in rate.items()},
        "ratio_to_plain": round(ratio, 1),
        "checks_share_of_time": round(1 - rate["small"] / rate["unchecked"], 3),
    }


def seconds_for_cases(batches: Batches, cases: int) -> float:
    """CPU seconds for so many cases of a measurement batch, drawing and checks included."""
    batch = replace(batches.batch_of("measurement", 1), cases=cases)
    start = time.process_time()
    batches.run(batch)
    return time.process_time() - start


def variants() -> dict[str, Any]:
    """`fixed` takes at most 1.2 times as long as v2 for a case, on every family; rounds in turn, medians."""
    ratios: dict[str, float] = {}
    milliseconds: dict[str, dict[str, float]] = {}
    for family in families():
        both = {name: Batches(Plan(VARIANTS[name], 1, (family,))) for name in ("v2", "fixed")}
        cases = 400 if family.size_class == "small" else 8
        rows: dict[str, list[float]] = {name: [] for name in both}
        for round_ in range(ROUNDS + 1):
            for name, batches in both.items():
                seconds = seconds_for_cases(batches, cases)
                if round_:  # the first compiles or loads
                    rows[name].append(seconds / cases * 1e3)
        milliseconds[family.name] = {name: round(statistics.median(values), 3) for name, values in rows.items()}
        ratios[family.name] = round(milliseconds[family.name]["fixed"] / milliseconds[family.name]["v2"], 3)
    return {
        "passed": max(ratios.values()) <= 1.2,
        "milliseconds_a_case": milliseconds,
        "fixed_to_v2": ratios,
    }


LINES = {"speed": speed, "variants": variants}
