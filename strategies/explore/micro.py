"""A machine small enough to enumerate by hand: tasks of a few atomic steps on shared counters and slots.

It stands beside the engine behind the same interface (model.py), so that the search is compared with brute force on
programs whose whole tree of interleavings can be walked. A task runs its instructions in order, one a step; `spin`
makes cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Grid, Size, Vec, dtype_of, i8, i32, i64
from percpu_fuzz.engine.core.records import Record
from percpu_fuzz.engine.errors import ScenarioError

MICRO_SIZE: Size = {"tasks": 6, "places": 8, "cells": 4}
MOST = 1 << 20

INSTRUCTIONS = ("add", "load", "store", "take", "give", "try", "swap", "cas", "spend", "check", "spin")
ADD, LOAD, STORE, TAKE, GIVE, TRY, SWAP, CAS, SPEND, CHECK, SPIN = range(11)


class MicroProg:
    """What each task does: a kind, the cell that it touches, a number."""

    nr_tasks: int = i8()
    nr_places: Vec = i8("tasks")
    kind: Grid = i8("tasks", "places")
    cell: Grid = i8("tasks", "places")
    number: Grid = i32("tasks", "places")


class MicroState:
    """What changes. owner: who holds the slot, task + 1."""

    violated: int = i64()  # 8 bytes: the record is whole words
    place: Vec = i8("tasks")
    register: Vec = i32("tasks")
    counter: Vec = i32("cells")
    owner: Vec = i8("cells")
    content: Vec = i32("cells")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One atomic step of a task.

    add: counter[cell] += number; load: register = counter[cell]; store: counter[cell] = register + number;
    take: wait until the slot is free, then hold it; give: let it go if held; try: register = 1 and hold it, or 0;
    swap: exchange the register with the slot's content; cas: counter[cell] = number if it equals the register, which
    takes what was found; spend: counter[cell] -= number if there is as much, else register = -1;
    check: a violation if counter[cell] is not number; spin: back to the task's first instruction if it is not.
    """

    kind: str
    cell: int = 0
    number: int = 0


MicroProgram = tuple[tuple[Instruction, ...], ...]


def micro_record(program: MicroProgram) -> Record:
    """The MicroProg record of a program; ScenarioError for what it cannot hold."""
    array: Record = np.zeros(1, dtype=dtype_of(MicroProg, MICRO_SIZE))
    prog: Any = array[0]
    if not 1 <= len(program) <= MICRO_SIZE["tasks"]:
        raise ScenarioError("micro-program", f"{len(program)} tasks", f"1 to {MICRO_SIZE['tasks']}")
    prog["nr_tasks"] = len(program)
    for t, task in enumerate(program):
        if len(task) > MICRO_SIZE["places"]:
            raise ScenarioError("micro-program", f"{len(task)} instructions", f"at most {MICRO_SIZE['places']}")
        prog["nr_places"][t] = len(task)
        for i, instruction in enumerate(task):
            _write(prog, t, i, instruction)
    return array


def _write(prog: Any, t: int, i: int, instruction: Instruction) -> None:
    where = f"micro-program, task {t}, instruction {i}"
    if instruction.kind not in INSTRUCTIONS:
        raise ScenarioError(where, repr(instruction.kind), ", ".join(INSTRUCTIONS))
    if not 0 <= instruction.cell < MICRO_SIZE["cells"]:
        raise ScenarioError(where, f"cell {instruction.cell}", f"0 to {MICRO_SIZE['cells'] - 1}")
    if not -MOST <= instruction.number <= MOST:
        raise ScenarioError(where, f"number {instruction.number}", f"{-MOST} to {MOST}")
    prog["kind"][t, i], prog["cell"][t, i] = INSTRUCTIONS.index(instruction.kind), instruction.cell
    prog["number"][t, i] = instruction.number


def micro_state() -> Record:
    """Every counter 0, every slot free."""
    return np.zeros(1, dtype=dtype_of(MicroState, MICRO_SIZE))


@compiled
def micro_ready(prog: MicroProg, st: MicroState, t: int) -> bool:
    """Whether task t may step: it has an instruction left and does not wait for a slot."""
    place = st.place[t]
    if place >= prog.nr_places[t]:
        return False
    return prog.kind[t, place] != TAKE or st.owner[prog.cell[t, place]] == 0


@compiled
def micro_step(prog: MicroProg, st: MicroState, t: int) -> None:
    """Task t's instruction, at once."""
    place = st.place[t]
    kind, c, number = prog.kind[t, place], prog.cell[t, place], prog.number[t, place]
    st.place[t] = place + 1
    if kind == ADD:
        st.counter[c] += number
    elif kind == LOAD:
        st.register[t] = st.counter[c]
    elif kind == STORE:
        st.counter[c] = st.register[t] + number
    elif kind == CHECK:
        if st.counter[c] != number:
            st.violated = 1
    elif kind == SPIN:
        if st.counter[c] != number:
            st.place[t] = 0
    elif kind == SPEND:
        if st.counter[c] >= number:
            st.counter[c] -= number
        else:
            st.register[t] = -1
    elif kind == CAS:
        found = st.counter[c]
        if found == st.register[t]:
            st.counter[c] = number
        st.register[t] = found
    else:
        slot_step(st, t, kind, c)


@compiled
def slot_step(st: MicroState, t: int, kind: int, c: int) -> None:
    """The instructions on slots."""
    if kind == TAKE:
        st.owner[c] = t + 1
    elif kind == GIVE:
        if st.owner[c] == t + 1:
            st.owner[c] = 0
    elif kind == TRY:
        free = st.owner[c] == 0
        if free:
            st.owner[c] = t + 1
        st.register[t] = 1 if free else 0
    else:
        kept = st.content[c]
        st.content[c] = st.register[t]
        st.register[t] = kept
