"""A sample of a plan's cases in plain mode, and what of the modelled kernel it never reaches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from percpu_fuzz.engine.core.labels import MODEL_NAMES
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.redraw import drawn_case, next_task_of
from percpu_fuzz.strategies.run.kept import Rows, kept_rows
from percpu_fuzz.strategies.run.reached import Reached, counting, note_case_steps, reason_of
from percpu_fuzz.strategies.run.steps import steps

SAMPLE_SEED = 0  # of the sample, whatever the campaign's: what is reached is said of what is drawn, not of a seed
HUNTED, MEASURED, SAMPLE_CASES = 40, 10, 24  # batches of each stream, cases of a batch
WIDE_CASES = 2  # of a batch of class wide, whose records are a hundred times as long


def sample(plan: Plan) -> Iterator[tuple[Batch, int]]:
    """Batches of the plan, drawn with the sample's seed and without learning, and the number of a case of each."""
    drawn = replace(plan, seed=SAMPLE_SEED, learns=False, user=None)
    for stream, batches in ((HUNTING, HUNTED), (MEASUREMENT, MEASURED)):
        for k in range(batches):
            batch = drawn.batch_of(stream, k)
            for case in range(SAMPLE_CASES if batch.size_class == "small" else WIDE_CASES):
                yield batch, case


def reached_by(plan: Plan) -> Reached:
    """What the sample reaches, in plain mode."""
    with counting() as reached:
        for batch, case in sample(plan):
            drawn = drawn_case(batch, case)
            walk = steps(batch.variant, *drawn[:3], next_task_of(batch, case, drawn))
            note_case_steps(reached, (step.label for step in walk))
    return reached


def kept_unreached(plan: Plan) -> Rows:
    """One row: cases of the sample, steps and sides of conditions that there are, how many of them were never reached
    for each known reason, and those for no known one. Counted once for each version of the code, variant and families.
    None for a variant with steps of its own.
    """
    if plan.variant.own is not None and plan.variant.own.has_code:
        return []
    described: dict[str, Any] = plan.describe() | {"seed": SAMPLE_SEED, "variant": plan.variant.choices()}
    named = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return kept_rows(f"unreached-{named}", lambda: [unreached_row(reached_by(plan))])


def unreached_row(reached: Reached) -> dict[str, Any]:
    """The row of kept_unreached()."""
    never = [(line, reason_of(line)) for line in reached.never()]
    reasons = [reason for _, reason in never if reason]
    return {
        "cases": reached.cases,
        "places": len(MODEL_NAMES) + 2 * len(reached.sides),
        "excused": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "never": [line for line, reason in never if not reason],
    }
