"""A variant with steps of its own, tried on a few cases as plain Python before anything is compiled.

What is wrong with a step shows here as one line with file and line number. What only a rare case shows is found in the
same way later: the batch raises, and its case is drawn and run again in plain mode (own_error).
"""

from __future__ import annotations

import traceback
from collections import Counter
from itertools import islice
from typing import Any

from percpu_fuzz.engine.core.declare import PlainGrid
from percpu_fuzz.engine.core.labels import NAMES, NR_MODEL
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.own.file import last_line
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.redraw import drawn_case, next_task_of
from percpu_fuzz.strategies.run.steps import steps

CASES = 30  # of each stream
TRIAL_STEPS = 20_000  # of a case of class small: it takes some hundreds
RANGE = "numbers that fit their field, and nothing but numbers"


def tried(plan: Plan) -> int:
    """Run some cases of a plan in plain mode; how many. InputError for what its variant's steps do wrong in them."""
    done = 0
    for stream in STREAMS:
        k = min(range(len(plan.order)), key=lambda k: plan.family_of(stream, k).size_class != "small")
        batch = plan.batch_of(stream, k)
        for case in range(min(CASES, batch.cases) if batch.size_class == "small" else 1):
            try_case(batch, case, TRIAL_STEPS if batch.size_class == "small" else 20 * TRIAL_STEPS)
            done += 1
    return done


def try_case(batch: Batch, case: int, most_steps: int) -> None:
    """Run one case. InputError for a step of the variant's own that goes wrong."""
    own = batch.variant.own
    assert own is not None
    passed: Counter[int] = Counter()
    try:
        drawn = drawn_case(batch, case)
        given = drawn.topo.to_array(), drawn.prog.to_array()
        for step in islice(
            steps(batch.variant, drawn.topo, drawn.prog, drawn.state, next_task_of(batch, case, drawn)), most_steps
        ):
            passed[step.label] += 1
        if passed.total() >= most_steps:
            label, times = max(passed.items(), key=lambda item: (item[0] >= NR_MODEL, item[1]))
            what = f"a case did not end within {most_steps:,} steps, {times:,} of them at {NAMES[label]}"
            raise InputError(own.path, what, "steps that lead on")
        drawn.state.to_array()
        if (drawn.topo.to_array(), drawn.prog.to_array()) != given:
            raise InputError(own.path, "a step wrote to topo or prog", "only st changes")
        refuse_other_than_integers(own.path, drawn.state)
    except InputError:
        raise
    except Exception as error:
        raise own_error(batch.variant, error, f"case {case} of {batch}") from None


def refuse_other_than_integers(path: str, state: Any) -> None:
    """InputError for a field of a plain State that holds what is no integer."""
    for name, value in vars(state).items():
        cells = value.cells if isinstance(value, PlainGrid) else value if isinstance(value, list) else [value]
        if name != "dtype_" and any(not isinstance(cell, int) for cell in cells):
            raise InputError(path, f"st.{name} was given what is no integer", RANGE)


def own_error(variant: Variant, error: Exception, where: str) -> InputError:
    """An exception in a case of a variant with own steps as one line, with the line of the file if it passed there."""
    assert variant.own is not None
    path = variant.own.path
    line = last_line(error, path)
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame.name for frame in frames if frame.filename == path] or [frame.name for frame in frames]
    said = f"{inside[-1]} raises {type(error).__name__}: {error}, in {where}"
    return InputError(f"{path}:{line}" if line else path, said, "steps that end well in every case")


def error_of_batch(batch: Batch, case: int, error: Exception) -> Exception:
    """What went wrong in a batch of a variant with steps of its own: its case, run again where lines are known."""
    own = batch.variant.own
    if own is None or not own.has_code:
        return error
    if last_line(error, own.path):
        return own_error(batch.variant, error, f"case {case} of {batch}")
    try:
        try_case(batch, case, 50 * TRIAL_STEPS)
    except InputError as found:
        return found
    return error
