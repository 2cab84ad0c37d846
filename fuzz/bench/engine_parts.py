"""What of the engine is measured, in this process: steps, the search, import, reports, shrinking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.core.compiled import ROOT
from percpu_fuzz.engine.outcome import MEASUREMENT, Outcome
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.bench.beside_spin import missing
from percpu_fuzz.fuzz.bench.core import compiled_core, compiler
from percpu_fuzz.fuzz.bench.measure import Measurement, timed
from percpu_fuzz.fuzz.campaign.rendering import rendered
from percpu_fuzz.fuzz.findings.showing import shown
from percpu_fuzz.reports.campaign import RunFacts, gather
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.explore.scopes import shipped_scope
from percpu_fuzz.strategies.explore.search import Budget, Explored, explore
from percpu_fuzz.strategies.explore.world import engine_world
from percpu_fuzz.strategies.plan import canary
from percpu_fuzz.strategies.plan.batches import Batches, run_alone
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.walk import CHECK_NONE, CHECK_TOUCHED
from percpu_fuzz.strategies.trace.recorded_run import RecordedRun

BENCH_SEED = 1
PLAIN_BATCH = 1  # batch 0 keeps features too, as one in nine does
CORE_STEPS = 4_000_000
C_CORE = "C core, its own check on"
SCOPE = "alloc-rmdir"
REPORT_BATCHES = 24
RECORDED = ROOT / "tests" / "data" / "recorded" / "r11-2node-small-6.1"
NANO, MICRO, MILLI = 1e9, 1e6, 1e3


def step_measurements() -> Iterator[Measurement]:
    """By family: a step of v2 with the checks after it, and without; drawing, decoding and counting are part of it.

    Batches are as long as a campaign's: what a batch costs beside its cases is part of a step too.
    """
    for family in families():
        batches = Batches(Plan(VARIANTS["v2"], BENCH_SEED, (family,)))
        for checks, words in ((CHECK_TOUCHED, "checked"), (CHECK_NONE, "unchecked")):
            yield Measurement("step", f"{family.name}, {words}", "ns a step", NANO, steps_of(batches, checks))


def steps_of(batches: Batches, checks: int) -> Callable[[], tuple[float, float]]:
    """Runs a measurement batch; CPU seconds and steps."""
    found: list[Outcome] = []

    def run() -> tuple[float, float]:
        seconds = timed(lambda: found.append(batches.run(batches.batch_of(MEASUREMENT, PLAIN_BATCH), checks)))
        return seconds, float(found.pop().steps)

    return run


def core_measurements() -> Iterator[Measurement]:
    """The C core, where there is a compiler."""
    core: list[Any] = []
    if compiler() is None:
        return
    yield Measurement(
        "step", C_CORE, "ns a step", NANO, lambda: (timed(lambda: core[0](BENCH_SEED, CORE_STEPS)), CORE_STEPS),
        lambda: core.append(compiled_core()),
    )  # fmt: skip


def search_measurements() -> Iterator[Measurement]:
    """Every interleaving of a shipped scope, with every state stored and each reduction."""
    scenario = next(shipped_scope(SCOPE).scenarios())

    def run(reduction: str) -> tuple[float, float]:
        world = engine_world(scenario, VARIANTS["v2"])
        found: list[Explored] = []
        seconds = timed(lambda: found.append(explore(world, reduction, Budget())))
        return seconds, float(found[0].states)

    for reduction in ("hash", "both"):
        yield Measurement("search", f"{SCOPE}, {reduction}", "us a state", MICRO, partial(run, reduction))


def trace_measurements() -> Iterator[Measurement]:
    """Reading a recorded trace of 6.1 into operations, where the recording is (a checkout has it)."""
    if not RECORDED.is_dir():
        return
    trace = Path(RECORDED / "percpu.trace.gz")

    def run() -> tuple[float, float]:
        read: list[Any] = []
        seconds = timed(lambda: read.append(RecordedRun.of_folder(RECORDED).load().read()))
        return seconds, float(len(read[0].operations))

    yield Measurement("trace", trace.parent.name, "us an operation", MICRO, run)


def report_measurements() -> Iterator[Measurement]:
    """All report files of a small campaign on v2, from its outcomes."""
    kept: list[tuple[Any, list[Outcome]]] = []

    def ready() -> None:
        batches = Batches(make_plan("v2", BENCH_SEED))
        outcomes = [batches.run(replace(batches.batch_of(MEASUREMENT, k), cases=20)) for k in range(REPORT_BATCHES)]
        kept.append((batches.plan.describe(), outcomes))

    def run() -> tuple[float, float]:
        describe, outcomes = kept[0]
        return timed(lambda: rendered(Figures(gather(outcomes, RunFacts(describe=describe, seconds=1.0))), 0)), 1.0

    yield Measurement("reports", "text, Markdown, HTML, JSON", "ms a report", MILLI, run, ready)


def shrink_measurements() -> Iterator[Measurement]:
    """A canary's first violating case: drawn again, replayed, shrunk, told."""
    planted = canary.batch_of(0)
    kept: list[Outcome] = []

    def run() -> tuple[float, float]:
        signature = min(kept[0].first_cases)
        return timed(lambda: shown(planted, kept[0].first_cases[signature][0], [signature])), 1.0

    yield Measurement("shrink", "a canary's case", "ms a case", MILLI, run, lambda: kept.append(run_alone(planted)))


def without() -> Iterator[str]:
    """What cannot be measured here, and why."""
    if compiler() is None:
        yield "step: no C compiler (cc, gcc, clang), so no C core beside the engine"
    if lacks := missing():
        yield f"search: {lacks}, so SPIN does not stand beside the search"
    if not RECORDED.is_dir():
        yield f"trace: no recording in {RECORDED}"
