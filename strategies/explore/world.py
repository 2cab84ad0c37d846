"""What is searched: a scenario on the engine or a program of the micro-machine, with the words of its state in use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.records import SIZE_CLASSES, Prog, State, Topo, new_record
from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.own.engines import entry_of
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import size_class_of
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.explore.footprints import STATE_FIELDS, fields_written
from percpu_fuzz.strategies.explore.micro import MicroProgram, MicroState, micro_record, micro_state
from percpu_fuzz.strategies.explore.model import ENGINE, MICRO, Model
from percpu_fuzz.strategies.explore.state_words import (
    BLOCK,
    Space,
    blocks_of,
    hash_words,
    logs_of,
    places_of,
    rows_in_use,
    word_masks,
)
from percpu_fuzz.strategies.run.replay import records

EXPLORED_CLASS = "small"
Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class World:
    """A model ready to be searched: the records, and its words in use (see state_words.py)."""

    model: Model
    space: Space
    outside: Array  # semantic words that are not in use, as they stood at the start
    outside_masks: Array
    roots: tuple[int, int]
    variant: Variant | None = None  # of the engine


def aligned_words(number: int) -> Array:
    """Zeros, uint64, that begin with a line of the cache: a block of them is then one line, and not on two."""
    room = np.zeros(number + BLOCK, np.uint64)
    first = -(room.ctypes.data // 8) % BLOCK
    return room[first : first + number]


def _roomy(record: Array) -> tuple[Array, Array]:
    """Words, a whole number of blocks of them, and the same record at their start."""
    words = aligned_words(-(-record.nbytes // (8 * BLOCK)) * BLOCK)
    inside = words.view(np.uint8)[: record.nbytes].view(record.dtype)
    inside[:] = record
    return words, inside


def _world(
    model: Model, words: Array, masks: Array, every: Array, written: Sequence[frozenset[str]],
    variant: Variant | None = None,
) -> World:  # fmt: skip
    """masks: semantic bits in use, by word of the record; every: all semantic bits; written: fields, by label."""
    nr_words = len(masks)
    outside, in_use = np.zeros_like(words), np.zeros_like(words)
    in_use[:nr_words], outside[:nr_words] = masks, every & ~masks
    was = aligned_words(len(words))
    was[:] = words
    record = model.micro_states if model.kind == MICRO else model.states
    places = places_of(in_use, record.dtype, written)
    space = Space(words, in_use, was, blocks_of(in_use), *places, np.zeros(4096, np.uint32), np.zeros(4096, np.uint64))
    return World(model, space, words & outside, outside, hash_of((words & in_use)[:nr_words]), variant)


def hash_of(words: Array) -> tuple[int, int]:
    """The two halves of the hash of a state, from the record's words (semantic bits in use only), not step by step."""
    halves = np.zeros(2, np.uint64)
    hash_words(words, halves)
    return int(halves[0]), int(halves[1])


def engine_world(scenario: Scenario, variant: Variant) -> World:
    """The engine on a scenario's machine and program; its schedule is not looked at. ScenarioError if not small."""
    if size_class_of(scenario.topology) != EXPLORED_CLASS:
        raise ScenarioError("explore", f"machine {scenario.topology.name!r}", "a machine of class small")
    topos, progs, cleared = records(scenario, variant, EXPLORED_CLASS)
    words, states = _roomy(cleared)
    entry_of(variant, reset_record)(topos[0], progs[0], states[0], True)
    logs = logs_of(progs[0], own=variant.own is not None)
    masks = word_masks(State, states.dtype, rows_in_use(topos[0], progs[0], SIZE_CLASSES[EXPLORED_CLASS]), logs)
    every = word_masks(State, states.dtype, {}, logs)
    model = Model(ENGINE, topos, progs, states, micro_record(((),)), micro_state())
    written = fields_written() if variant.own is None else [STATE_FIELDS] * len(labels.NAMES)
    return _world(model, words, masks, every, written, variant)


def micro_world(program: MicroProgram, counters: tuple[int, ...] = ()) -> World:
    """The micro-machine on a program; the first counters start as given, the others at 0."""
    unused = (new_record(Topo, EXPLORED_CLASS), new_record(Prog, EXPLORED_CLASS), new_record(State, EXPLORED_CLASS))
    words, states = _roomy(micro_state())
    states["counter"][0, : len(counters)] = counters
    masks = word_masks(MicroState, states.dtype, {}, frozenset())
    model = Model(MICRO, *unused, micro_record(program), states)
    return _world(model, words, masks, masks, [frozenset(states.dtype.names)])


def check_outside(world: World) -> None:
    """AssertionError if a step wrote where rows_in_use says that nothing is: the search would not have seen it."""
    words, masks = world.space.words, world.space.masks
    wrong = np.nonzero((words & world.outside_masks) != world.outside)[0]
    assert len(wrong) == 0, f"words {wrong[:4].tolist()} of the state changed outside the rows in use"
    assert np.array_equal(words & masks, world.space.was & masks), "the words in use are not in step"
