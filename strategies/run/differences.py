"""Differences of behaviour between two accountings in one case, named by kind: what a user of the second would notice.

What became of the operations comes first. From the first operation on that came out otherwise the two kernels are in
different situations, so nothing after it is compared; where all came out alike, events and amounts are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.declare import plain_array
from percpu_fuzz.engine.core.labels import OP_ALLOC, OP_CHARGE_USER, OP_KMEM
from percpu_fuzz.engine.own.engines import plain_of
from percpu_fuzz.engine.scenario import Scenario
from percpu_fuzz.engine.topology import size_class_of
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.run.behaviour import (
    GONE,
    GRANTED,
    KILLED,
    NO_AREA,
    NOTHING,
    OOM,
    REFUSED,
    STOPPED,
    Seen,
    new_seen,
    observe,
)
from percpu_fuzz.strategies.run.replay import plain_records

RESULT_WORDS = {
    NOTHING: "goes on",
    GRANTED: "succeeds",
    REFUSED: "-ENOMEM",
    NO_AREA: "no area",
    STOPPED: "the kernel stops",
}
ASKS = {OP_ALLOC: "allocation", OP_KMEM: "slab object", OP_CHARGE_USER: "page fault"}
EVENT_WORDS = ("memory.events max", "memory.events oom", "memory.events oom_kill")
WHEN_WORDS = ("at rest", "after a drain", "after all is freed")
QUANTITY_WORDS = ("memory.current", "memory.stat kernel", "memory.stat percpu")
BETWEEN = " | "  # of a kind: what the first does, what the second does
BY_NODE = "memory.numa_stat kernel"


def result_words(result: int) -> str:
    """What became of an operation, and whether the OOM killer was called."""
    words = RESULT_WORDS[result & ~(OOM | KILLED)]
    if result & KILLED:
        return f"{words} after an OOM kill"
    return f"{words}, OOM killer called" if result & OOM else words


def differences(op_kind: Any, first: Seen, second: Seen, by_node: bool) -> tuple[str, ...]:
    """Kinds of the differences in a case, one of operations or some of events and amounts; () if there is none.

    op_kind[task, operation]: what it was asked for. by_node: whether both accountings have numbers for each node.
    """
    operation = of_operations(op_kind, first, second)
    if operation is not None:
        return (operation,)
    kinds = [f"{EVENT_WORDS[kind]}: {way}" for kind, way in _ways(first.events, second.events)]
    for when, words in enumerate(WHEN_WORDS):
        kinds += [
            f"{QUANTITY_WORDS[what]} {words}: {way}" for what, way in _ways(first.amounts[when], second.amounts[when])
        ]
        totals = first.nodes[when].sum(), second.nodes[when].sum()
        if by_node and totals[0] == totals[1] and (first.nodes[when] != second.nodes[when]).any():
            kinds.append(f"{BY_NODE} {words}: on other nodes")
    return tuple(kinds)


def of_operations(op_kind: Any, first: Seen, second: Seen) -> str | None:
    """The first operation, in the order in which they ran, that came out otherwise; None if there is none."""
    if np.array_equal(first.results, second.results):
        return None
    done = 0
    for i, t in np.ndindex(first.results.shape[::-1]):
        a, b = int(first.results[t, i]), int(second.results[t, i])
        if a != b:
            which = "a further" if done else "the first"
            what = ASKS.get(int(op_kind[t, i]), "operation")
            return f"{which} {what}: {result_words(a)}{BETWEEN}{result_words(b)}"
        done += a == GRANTED
    return None


def _ways(first: Any, second: Any) -> Iterator[tuple[int, str]]:
    """(column, more, less or both) for each column in which rows differ; rows that one of them has not are left out."""
    change = np.where((first == GONE) | (second == GONE), 0, second - first)
    for column in range(first.shape[1]):
        up, down = bool((change[:, column] > 0).any()), bool((change[:, column] < 0).any())
        if up or down:
            yield column, "more and less" if up and down else "more" if up else "less"


def seen_of(scenario: Scenario, variant: Variant) -> tuple[Any, Seen]:
    """(op_kind, what is seen) of a scenario's program, in plain mode; its schedule plays no part."""
    topo, prog, state = plain_records(scenario, variant)
    cells = [plain_array(array) for array in new_seen(size_class_of(scenario.topology))]
    plain_of(variant, observe)([topo], [prog], [state], 0, Seen(*cells))
    return prog.op_kind, Seen(*(np.array(table.cells, dtype=np.int64).reshape(table.shape) for table in cells))


def behaviour_differences(scenario: Scenario, first: Variant, second: Variant) -> tuple[str, ...]:
    """Kinds of the differences between two accountings in a scenario's program: what a user of the second would notice.

    In plain mode; operations run one after the other, whatever the schedule says.
    """
    op_kind, one = seen_of(scenario, first)
    return differences(op_kind, one, seen_of(scenario, second)[1], first.per_node and second.per_node)
