"""A plain function called with arrays gives what its compiled twin gives, and leaves the arrays as that does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.own.mirrors import on_mirrors
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import machinery_of
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.cases import run_cases
from percpu_fuzz.strategies.run.tally import new_rows, new_tally

CASES = 12


def test_a_batch_is_the_same() -> None:
    """Rows, sums, violations, features, State and generator after the cases of a batch of each stream."""
    plan = make_plan("v1", 3, preset("two-node"))
    for stream in ("measurement", "hunting"):
        batch = replace(plan.batch_of(stream, 0), cases=CASES)
        left = []
        for run in (run_cases, on_mirrors(plain(run_cases))):
            machinery, tally = machinery_of(batch), new_tally(new_rows(CASES))
            batch.write_sched(machinery.scheds[0])
            run(
                batch.family.topos, machinery, np.uint64(batch.key), int(batch.hunts), 1, batch.tables, batch.corpus,
                tally,
            )  # fmt: skip
            left.append([array.tobytes() for array in (*tally, *machinery)])
        assert left[0] == left[1]
