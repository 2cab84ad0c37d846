"""Micro-programs for tests, and an interpreter of them that shares no line with the searched one."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from percpu_fuzz.strategies.explore.micro import INSTRUCTIONS, MICRO_SIZE, Instruction, MicroProgram, micro_state
from percpu_fuzz.strategies.explore.world import hash_of

Whole = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...], int]


STRAIGHT = tuple(kind for kind in INSTRUCTIONS if kind != "spin")
BOUNDED = ("spin", "cas", "load", "swap", "try", "give")  # however often they are repeated, there are few states


def drawn(seed: int, nr_tasks: int, nr_steps: int, kinds: tuple[str, ...] = STRAIGHT) -> MicroProgram:
    """A program whose steps all touch the same two counters and two slots."""
    rng = random.Random(seed)
    return tuple(
        tuple(Instruction(rng.choice(kinds), rng.randrange(2), rng.randrange(1, 4)) for _ in range(nr_steps))
        for _ in range(nr_tasks)
    )


def first(nr_tasks: int) -> Whole:
    """(place, register, counter, owner, content, violated) at the start."""
    cells = (0,) * MICRO_SIZE["cells"]
    return ((0,) * nr_tasks, (0,) * nr_tasks, cells, cells, cells, 0)


def put(row: tuple[int, ...], i: int, value: int) -> tuple[int, ...]:
    return (*row[:i], value, *row[i + 1 :])


def after(program: MicroProgram, whole: Whole, t: int) -> Whole | None:
    """The state after task t's step, None if it cannot step."""
    place, register, counter, owner, content, violated = whole
    if place[t] == len(program[t]):
        return None
    step = program[t][place[t]]
    c, n = step.cell, step.number
    place = put(place, t, place[t] + 1)
    match step.kind:
        case "add":
            counter = put(counter, c, counter[c] + n)
        case "load":
            register = put(register, t, counter[c])
        case "store":
            counter = put(counter, c, register[t] + n)
        case "take":
            if owner[c]:
                return None
            owner = put(owner, c, t + 1)
        case "give":
            owner = put(owner, c, 0 if owner[c] == t + 1 else owner[c])
        case "try":
            register, owner = put(register, t, int(not owner[c])), put(owner, c, owner[c] or t + 1)
        case "swap":
            register, content = put(register, t, content[c]), put(content, c, register[t])
        case "cas":
            equal = counter[c] == register[t]
            register, counter = put(register, t, counter[c]), put(counter, c, n if equal else counter[c])
        case "spend":
            enough = counter[c] >= n
            counter = put(counter, c, counter[c] - n) if enough else counter
            register = register if enough else put(register, t, -1)
        case "spin":
            place = place if counter[c] == n else put(place, t, 0)
        case "check":
            violated = int(violated or counter[c] != n)
    return (place, register, counter, owner, content, violated)


def following_of(program: MicroProgram, whole: Whole) -> list[Whole]:
    return [state for t in range(len(program)) if (state := after(program, whole, t)) is not None]


def walk_tree(program: MicroProgram) -> tuple[set[Whole], int]:
    """Every interleaving, none merged with another: terminal states, steps of the tree."""
    ends: set[Whole] = set()
    steps, waiting = 0, [first(len(program))]
    while waiting:
        whole = waiting.pop()
        following = following_of(program, whole)
        if not following:
            ends.add(whole)
        steps += len(following)
        waiting += following
    return ends, steps


def nearest_violation(program: MicroProgram) -> int | None:
    """The fewest steps to a broken check, level by level; None if none can be broken."""
    level, depth = {first(len(program))}, 0
    while level:
        if any(whole[5] for whole in level):
            return depth
        level = {state for whole in level for state in following_of(program, whole)}
        depth += 1
    return None


def ends_merged(program: MicroProgram, start: Whole | None = None) -> set[Whole]:
    """Terminal states by a walk over the set of all states."""
    seen = {first(len(program)) if start is None else start}
    ends: set[Whole] = set()
    waiting = list(seen)
    while waiting:
        whole = waiting.pop()
        following = following_of(program, whole)
        if not following:
            ends.add(whole)
        waiting += [state for state in set(following) if state not in seen]
        seen.update(following)
    return ends


def hashed(whole: Whole) -> tuple[int, int]:
    """The search's hash of a state of the interpreter."""
    array = micro_state()
    st: Any = array[0]
    for name, row in zip(("place", "register", "counter", "owner", "content"), whole[:5], strict=True):
        st[name][: len(row)] = row
    st["violated"] = whole[5]
    return hash_of(array.view(np.uint8).view(np.uint64))
