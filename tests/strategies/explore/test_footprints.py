"""What a step writes, watched on plain records, against what was read from the source of the functions it reaches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from percpu_fuzz.engine.case.operations import clear_registers
from percpu_fuzz.engine.case.step import perform
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainGrid, PlainRecord
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.core.records import State, new_record
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.explore.footprints import AROUND, STATE_FIELDS, fields_written, written_by
from percpu_fuzz.strategies.explore.model import ENGINE, Model, ready_mask, take_step
from percpu_fuzz.strategies.explore.state_words import BLOCK, blocks_of, places_of
from percpu_fuzz.strategies.plan.mutants import FIXED, mutants_of
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.redraw import drawn_case

MOST_STEPS = 2_000
written: set[str] = set()  # fields, since it was last cleared


class WatchedList(list[int]):
    """A field with one dimension that says when it is written."""

    name = ""

    def __setitem__(self, index: Any, value: Any) -> None:
        written.add(self.name)
        super().__setitem__(index, value)


class WatchedGrid(PlainGrid):
    """A field with more dimensions that does."""

    name = ""

    def __setitem__(self, index: tuple[int, ...], value: int) -> None:
        written.add(self.name)
        super().__setitem__(index, value)


class WatchedRecord(PlainRecord):
    """A record whose numbers do."""

    def __setattr__(self, name: str, value: Any) -> None:
        written.add(name)
        super().__setattr__(name, value)


def watched(record: PlainRecord) -> Any:
    """The record, with every field watched."""
    for name, value in list(vars(record).items()):
        field: Any = value
        if type(value) is list:
            field = WatchedList(value)
        elif type(value) is PlainGrid:
            field = WatchedGrid(value.shape, value.cells)
        if field is not value:
            field.name = name
            setattr(record, name, field)
    record.__class__ = WatchedRecord
    return record


def steps_of(variant: Variant, k: int) -> list[tuple[int, frozenset[str]]]:
    """Label and fields written of each step of a batch's first case on a small machine, tasks chosen at random."""
    batch = Plan(variant, 5, families()[k % 3 : k % 3 + 1]).batch_of(STREAMS[k % 2], k)
    drawn = drawn_case(batch, 0)
    state, rng, found = watched(drawn.state), np.random.default_rng(k), []
    model = Model(ENGINE, [drawn.topo], [drawn.prog], [state], [], [])
    for _ in range(MOST_STEPS):
        written.clear()
        ready = plain(ready_mask)(model)
        if ready == 0:
            break
        task = int(rng.choice([t for t in range(32) if ready >> t & 1]))
        label = state.pc[task]
        plain(take_step)(model, task)
        found.append((label, frozenset(written)))
    return found


def test_a_step_writes_nothing_else() -> None:
    """Three cases of each variant and of each mutant of fixed. Control: what is around every step is not enough."""
    around = written_by(AROUND, stop={piece.py_func for piece in perform.pieces})
    said, labels, more = fields_written(), set(), 0
    for variant in (*VARIANTS.values(), *(mutant.variant for mutant in mutants_of(FIXED))):
        for k in range(3):
            for label, fields in steps_of(variant, k):
                assert fields <= said[label], f"{variant.name}, {NAMES[label]}: {sorted(fields - said[label])}"
                labels.add(label)
                more += not fields <= around
    assert len(labels) > 80
    assert more > 0


def test_a_file_named_like_what_was_made_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows from lists has no source: all that it names counts as written, wherever the search is started."""
    monkeypatch.chdir(tmp_path)
    clear: Any = clear_registers
    made: Any = next(
        clear.py_func.__globals__[name].py_func for name in clear.py_func.__code__.co_names if name.startswith("blank_")
    )
    (tmp_path / made.__code__.co_filename).write_text(f"def {made.__name__}(record, i0):\n    return 0\n")
    assert written_by([made]) == STATE_FIELDS & set(made.__code__.co_names) != set()


def test_what_is_compared_after_a_step() -> None:
    """Less than half of a state after most steps; all of it where a variant's own steps may write anything."""
    dtype = new_record(State, "small").dtype
    masks = np.full(-(-dtype.itemsize // (8 * BLOCK)) * BLOCK, ~np.uint64(0))
    every = [STATE_FIELDS] * len(NAMES)
    first, places = places_of(masks, dtype, every)
    assert all(np.array_equal(places[first[k] : first[k + 1]], blocks_of(masks)) for k in range(len(NAMES)))
    narrow, _ = places_of(masks, dtype, fields_written())
    shares = np.diff(narrow) / np.diff(first)
    assert np.median(shares) < 0.5
    assert shares.max() < 1
