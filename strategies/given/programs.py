"""Hypothesis strategies for programs and fallback patterns, over the one table of choices.

A program is a list of choices (draw.choices) that is decoded as the samplers' lists are, so whatever a campaign
can draw can be drawn here, and about as often: weights are the hunting stream's. Every choice means something, nothing
is thrown away, and fewer and earlier choices mean simpler programs. All of it runs plain: nothing is compiled.
"""

from __future__ import annotations

from functools import cache
from itertools import cycle, islice
from typing import Any

from hypothesis import strategies as st

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord, plain_array
from percpu_fuzz.engine.core.records import Prog, new_record
from percpu_fuzz.engine.program import Program, program_of
from percpu_fuzz.engine.topology import Topology, size_class_of, topo_record
from percpu_fuzz.strategies.draw.choices import (
    AT_TABLE,
    AT_TAIL,
    AT_TASKS,
    HEAD,
    KINDS,
    LAYOUT,
    LENGTH,
    MEMCG,
    NR_TABLE,
    OP,
    TASK,
    TASK_LENGTH,
    kind_arrays,
)
from percpu_fuzz.strategies.draw.decode import NR_DRAWN, decode

TABLE = LAYOUT[AT_TABLE]


@cache
def choice(kind: str) -> st.SearchStrategy[int]:
    """The index of one of a kind's values (strategies.draw.choices.KINDS), by weight; shrinks towards the first."""
    return st.sampled_from([index for index, weight in enumerate(KINDS[kind].hunt) for _ in range(weight)])


def _choices_of(kinds: tuple[str, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*map(choice, kinds))


def fallback_patterns() -> st.SearchStrategy[list[int]]:
    """How far pages fall along the zonelist, in turn: NR_TABLE choices, what was drawn over and over; 0 for nothing."""
    return st.lists(choice(TABLE), max_size=NR_TABLE).map(lambda steps: list(islice(cycle(steps or [0]), NR_TABLE)))


@st.composite
def choice_lists(draw: st.DrawFn) -> list[int]:
    """LENGTH indices, one for each position of strategies.draw.choices.LAYOUT; what a program does not use is 0.

    So is the tail: failures that nobody meets unless asked for.
    """
    found = [0] * LENGTH
    found[: len(HEAD)] = draw(_choices_of(HEAD))
    for m in range(min(NR_DRAWN, KINDS["memcgs"].values[found[HEAD.index("memcgs")]])):
        at = len(HEAD) + m * len(MEMCG)
        found[at : at + len(MEMCG)] = draw(_choices_of(MEMCG))
    for t in range(KINDS["tasks"].values[found[HEAD.index("tasks")]]):
        at = AT_TASKS + t * TASK_LENGTH
        found[at : at + len(TASK)] = draw(_choices_of(TASK))
        for i in range(KINDS["ops"].values[found[at + TASK.index("ops")]]):
            op = at + len(TASK) + i * len(OP)
            found[op : op + len(OP)] = draw(_choices_of(OP))
    found[AT_TABLE:AT_TAIL] = draw(fallback_patterns())
    return found


def program_from(choices: list[int], topology: Topology) -> Program:
    """The program that a list of choices means on a machine."""
    kinds, values, counts = map(plain_array, kind_arrays())
    size_class = size_class_of(topology)
    prog = new_record(Prog, size_class)
    prog[0]["nr_retries"] = 16
    mirror: Any = PlainRecord(prog[0])
    topo: Any = PlainRecord(topo_record(topology, size_class)[0])
    plain(decode)(choices, topo, mirror, kinds, values, counts, [0] * LENGTH)
    return program_of(mirror.to_array()[0])


def programs(topology: Topology) -> st.SearchStrategy[Program]:
    """Programs for a machine: up to 5 tasks of 2 to 8 operations, cgroups, placement, injected failures."""
    return choice_lists().map(lambda choices: program_from(choices, topology))
