"""One engine source: compiled and as plain Python it does the same, step by step, for every variant and mutant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from equality import CompiledSide, PlainSide, batches_of, compare_scenarios, different_fields, first_difference
from few_cases import rounds

from percpu_fuzz.engine.core.declare import fields_of
from percpu_fuzz.engine.core.records import SIZE_CLASSES, State

SEED = 20_260_626
COUNTS = {"small": rounds(200, 500), "wide": rounds(6, 20)}
# A case takes some hundreds of steps, one on a thousand nodes ten thousands: most of them are the same few of the
# teardown, for one node after the other.
MOST_STEPS = rounds(5_000, 1 << 20)


@pytest.mark.parametrize("size_class", COUNTS)
def test_equal_after_every_step(size_class: str) -> None:
    """Drawn case, reset and walk: the hash of the whole state is the same compiled and plain after every step, or after
    the first MOST_STEPS.
    """
    result = compare_scenarios(size_class, COUNTS[size_class], SEED, MOST_STEPS)
    assert result["different"] == []
    assert result["scenarios"] == COUNTS[size_class]
    assert result["steps"] > 100 * COUNTS[size_class]
    assert len(result["variants"]) >= (40 if size_class == "small" else 5)


def test_a_single_wrong_cell_is_named_at_its_step() -> None:
    """Control: one page of KMEM more at step 40 of the plain walk, and the comparison says so."""

    def meddle(state: Any, steps: int) -> None:
        if steps == 40:
            state.memcg_kmem[1] += 1

    batch = next(batches_of("small", 1, SEED))
    line = first_difference(batch, CompiledSide("small"), meddle)
    assert "step 40 of " in line
    assert line.endswith("['memcg_kmem']")


@pytest.mark.parametrize("size_class", COUNTS)
def test_image_sees_every_write(size_class: str) -> None:
    """The hash of a plain state is kept write by write; counted afresh from all its bytes it is the same."""
    for batch in batches_of(size_class, 3, SEED):
        side = PlainSide(batch)
        last = list(side.hashes())[-1]
        assert bytes(side.state.image.data) == side.state.to_array().tobytes()
        assert type(side.state)(side.state.to_array()[0]).image.digest() == last


def rows_in_use(state: Any, size_class: str) -> dict[str, Any]:
    """The fields of a state cut to the nodes and tasks that the case has, without rows of logs that were read."""
    lengths = {**SIZE_CLASSES[size_class], "nodes": int(state["was_nodes"]), "tasks": int(state["nr_all"])}
    lengths |= {"dirty": 0, "rcu": 0}
    return {
        name: state[name][tuple(slice(lengths[dim]) for dim in field.dims)]
        for name, field in fields_of(State).items()
    }  # fmt: skip


@pytest.mark.parametrize(("size_class", "count"), [("small", 150), ("wide", 4)])
def test_a_case_does_not_depend_on_what_ran_before(size_class: str, count: int) -> None:
    """Reset clears the rows in use, not the record: a case on used records ends as on fresh ones."""
    fresh, used = CompiledSide(size_class), CompiledSide(size_class)
    used.run(next(batches_of(size_class, 1, SEED + 1)))
    for batch in batches_of(size_class, count, SEED):
        assert fresh.run(batch) == used.run(batch, clear=False)
        mine, theirs = (rows_in_use(side.states[0], size_class) for side in (fresh, used))
        assert [name for name in mine if not np.array_equal(mine[name], theirs[name])] == [], batch.k
        assert different_fields(fresh.rngs[0], used.rngs[0]) == []
