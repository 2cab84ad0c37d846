"""Shrinking: the shortfall of v1, planted concurrency failures, emitted tests; how small and how fast."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from preemptions import preemptions

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.scenario import Finding
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.findings.regression import regression_of
from percpu_fuzz.fuzz.shrink.attempt import Gate
from percpu_fuzz.fuzz.shrink.shrinker import Shrunk, shrink
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.mutants import catalogue
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import finding_of

RACES = ("I18", "I8", "I9", "I19", "I12", "I5", "I10")


def first_of(batches: Batches, invariant: str, most: int = 40) -> Finding | None:
    """The first violating case of an invariant in the first batches, as a finding."""
    for k in range(most):
        for stream in STREAMS:
            outcome = batches.outcome(stream, k)
            wanted = [s for s in sorted(outcome.violations) if s.invariant == invariant]
            if wanted:
                return finding_of(batches.batch_of(stream, k), outcome.first_cases[wanted[0]][0], wanted[0])
    return None


def shrunk_of(finding: Finding, variant: Variant, seconds: float | None = None) -> tuple[Shrunk, float]:
    start = time.perf_counter()
    done = shrink(finding, variant, seconds=seconds)
    if done is None:
        raise RuntimeError(f"{finding.invariant} of {variant.name} does not show when it is shrunk")
    return done, time.perf_counter() - start


def v1_shape() -> dict[str, Any]:
    """From 20 seeds I1 of v1 shrinks to 2 nodes, 2 CPUs, one alloc of 2,048 bytes, each within 5 s."""
    good, slowest = 0, 0.0
    for seed in range(1, 21):
        batches = Batches(make_plan("v1", seed))
        batches.warm()
        finding = first_of(batches, "I1")
        if finding is None:
            continue
        done, seconds = shrunk_of(finding, batches.plan.variant)
        scenario = done.attempt.scenario
        ops = [op for task in scenario.program.tasks for op in task.ops]
        shape = (len(scenario.topology.nodes), len(scenario.topology.cpus), [op.kind for op in ops])
        good += shape == (2, 2, ["alloc"]) and ops[0].size_bytes == 2048 and scenario.topology.page_size == 4096
        slowest = max(slowest, seconds)
    return {"passed": good == 20 and slowest < 5, "seeds": 20, "as_wanted": good, "slowest_seconds": round(slowest, 2)}


def planted() -> dict[str, Any]:
    """Failures of v2 and of mutants that need an interleaving: sizes, minimality, time, and the 2-second budget."""
    rows, in_budget = [], True
    plans = [make_plan("v2", seed) for seed in (1, 2, 3)] + [make_plan(m.variant, 1) for m in catalogue()]
    for plan in plans:
        batches = Batches(plan)
        for invariant in RACES if plan.variant.name == "v2" else RACES[:2]:
            finding = first_of(batches, invariant, 12)
            if finding is None:
                continue
            first = Gate(plan.variant, invariant).attempt(finding.scenario)
            assert first is not None
            done, seconds = shrunk_of(finding, batches.plan.variant)
            start = time.perf_counter()
            quick, _ = shrunk_of(finding, plan.variant, seconds=2.0)
            in_budget &= time.perf_counter() - start < 3.0 and len(quick.attempt.events) > 0
            scenario = done.attempt.scenario
            in_budget &= quick.attempt.size < first.size
            rows.append((
                sum(len(task.ops) for task in scenario.program.tasks), preemptions(scenario, plan.variant, invariant),
                len(done.attempt.events), done.minimal, seconds,
            ))  # fmt: skip
    times = sorted(row[4] for row in rows)
    p95 = times[min(len(times) - 1, int(0.95 * len(times)))]
    return {
        "passed": len(rows) >= 20
        and all(row[3] for row in rows)
        and p95 <= 10
        and in_budget
        and statistics.median(row[0] for row in rows) <= 10
        and statistics.median(row[1] for row in rows) <= 2,
        "failures": len(rows), "median_operations": statistics.median(row[0] for row in rows),
        "median_preemptions": statistics.median(row[1] for row in rows),
        "median_steps": statistics.median(row[2] for row in rows),
        "minimal": sum(row[3] for row in rows), "p95_seconds": round(p95, 2), "budget_held": in_budget,
    }  # fmt: skip


def emitted() -> dict[str, Any]:
    """Emitted tests: 1,000 runs in one process and 20 processes of their own, none flaky."""
    finding = first_of(Batches(make_plan("v2", 1)), "I18")
    if finding is None:
        return {"passed": False, "error": "no I18 on v2"}
    done, _ = shrunk_of(finding, VARIANTS["v2"])
    name, text = regression_of(replace(finding, scenario=done.attempt.scenario), "exam")
    names: dict[str, Any] = {}
    exec(compile(text, name, "exec"), names)
    tests = [function for key, function in names.items() if key.startswith("test_")]
    for _ in range(1000):
        for test in tests:
            test()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(text)
        for _ in range(20):
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)]
            failed += subprocess.run(command, capture_output=True, check=False).returncode != 0
    return {"passed": failed == 0, "runs_in_process": 1000 * len(tests), "processes": 20, "processes_failed": failed}


LINES = {"v1-shape": v1_shape, "planted": planted, "emitted": emitted}
