"""The first cases of a batch: as the full batch has them, in less time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED


def few_cases(
    batches: Batches, stream: str, k: int, cases: int, checks: int = CHECK_TOUCHED, **changes: Any
) -> Outcome:
    """What so many cases of batch k leave, with other fields of the batch as given."""
    return batches.run(replace(batches.batch_of(stream, k), cases=cases, **changes), checks)
