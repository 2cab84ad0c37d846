"""What a batch keeps of every charged allocation is what its cases' probes would have shown, pick by pick."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.outcome import OF_PARTS, OF_PRODUCTS, OF_SQUARES, OF_VALUE_SQUARES, PARTS
from percpu_fuzz.strategies.draw.decode import mark_probe
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import drawn_case, next_task_of
from percpu_fuzz.strategies.run.outcomes import averaged
from percpu_fuzz.strategies.run.steps import steps

CASES = 12


def shown(batch: Batch, case: int) -> Iterator[int | None]:
    """The waste of the probe under each pick, in plain mode; None where it is not charged."""
    known: dict[tuple[int, int], int | None] = {}
    for pick in range(PARTS):
        drawn = drawn_case(batch, case)
        plain(mark_probe)(drawn.prog, pick)
        marked = (drawn.prog.probe_task, drawn.prog.probe_op)
        if marked not in known:
            for _ in steps(batch.variant, drawn.topo, drawn.prog, drawn.state, next_task_of(batch, case, drawn)):
                pass
            wasted = max(drawn.state.probe_precharge - drawn.state.probe_used, 0)
            known[marked] = wasted if drawn.state.probe_done == 1 else None
        yield known[marked]


@pytest.mark.parametrize("machine", ["two-node", "one-node"])
def test_averages_are_over_all_picks(machine: str) -> None:
    """12 cases, each run once for every allocation that may be the probe: sums of X, X^2, D X and Y^2 are the same."""
    batches = Batches(make_plan("v2", 3, preset(machine)))
    batch = replace(batches.batch_of("measurement", 0), cases=CASES)
    parts, squares, products = Counter[int](), Counter[int](), Counter[int]()
    value_squares = 0
    for case in range(CASES):
        found = Counter(value for value in shown(batch, case) if value is not None)
        passed, whole = 0, found.total()
        for value, held in sorted(found.items()):
            parts[value] += held
            squares[value] += (passed + held) ** 2 - passed**2
            products[value] += whole * held
            passed += held
        value_squares += sum(value * held for value, held in found.items()) ** 2
    outcome = batches.run(batch)
    said = [outcome.histograms["waste_pages" + of] for of in (OF_PARTS, OF_SQUARES, OF_PRODUCTS)]
    assert said == [dict(sorted(sums.items())) for sums in (parts, squares, products)]
    assert outcome.counts["waste_pages" + OF_VALUE_SQUARES] == value_squares
    assert max(parts.values()) > 0


def test_hunting_batches_keep_none() -> None:
    """What adds to no estimate is not stored."""
    batches = Batches(make_plan("v2", 3, preset("two-node")))
    outcome = batches.run(replace(batches.batch_of("hunting", 0), cases=CASES))
    assert not any(name.endswith(OF_PARTS) for name in outcome.histograms)


def test_sums_beyond_64_bits_and_cases_without_an_allocation() -> None:
    """By hand: one case of a value whose parts' square is beyond 64 bits; no case at all."""
    parts, values = np.array([64], dtype=np.int32), np.array([1 << 30])
    found = averaged(np.array([5]), parts, values)
    assert found == ({1 << 30: 64}, {1 << 30: 4096}, {1 << 30: 4096}, (64 << 30) ** 2)
    none = np.zeros(0, dtype=np.int32)
    assert averaged(none, none, none) == ({}, {}, {}, 0)
