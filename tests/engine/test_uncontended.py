"""One task and nobody else: how many steps an alloc and a free take, and what they leave in the stocks."""

from __future__ import annotations

from typing import Any

import pytest
from machines import alloc, alone, free, labels_by_operation, machine

from percpu_fuzz.engine.core.labels import DO_BYTES, OP_END, PO_ACCOUNT, UC_LEVEL, UP_KMEM

T1 = machine([0, 1], 2)
USER_PAGES = 1000  # v1 runs short on T1; user pages keep its counter above zero

# Steps of the first alloc (which creates a chunk and fills the page stock), of the next, and of their frees.
STEPS = {
    "base": [26, 18, 14, 14],
    "split": [27, 19, 14, 14],
    "v1": [49, 47, 27, 27],
    "v2": [48, 40, 30, 20],
    "v2-exts": [48, 40, 30, 25],
    "fixed": [37, 29, 26, 21],
}

V2_ALLOC = """
    IDLE AL_CURRENT AL_PRECHARGE TC_CONSUME TC_CONSUME_BODY TC_DONE AL_PRECHARGED AL_MUTEX AL_AREA AL_POPULATE AL_UNLOCK
    PO_BEGIN PO_ENTRY PO_ACCUMULATE PO_STAT
    PO_NODE PO_NID_MEMCG PO_NID_OBJCG PO_ACCOUNT PO_NID2_MEMCG PO_NID2_OBJCG PO_REMAINDER RO_LOCK RO_BODY
    PO_NODE PO_NID_MEMCG PO_NID_OBJCG PO_ACCOUNT PO_NID2_MEMCG PO_NID2_OBJCG PO_REMAINDER RO_LOCK RO_BODY
    PO_NODE PO_REFUND UN_REFILL RS_LOCK RS_BODY PO_DONE OP_END
"""
V2_FREE = """
    IDLE FR_BEGIN FR_ACCUMULATE FR_STAT
    FR_NODE FR_NID_MEMCG FR_NID_OBJCG FR_UNCHARGE RO_LOCK RO_BODY
    FR_NODE FR_NID_MEMCG FR_NID_OBJCG FR_UNCHARGE RO_LOCK RO_BODY
    FR_NODE FR_PUT FR_UNLOCK OP_END
"""


@pytest.mark.parametrize("variant", STEPS)
def test_number_of_steps(variant: str) -> None:
    """T1's allocation twice, then both frees: so many atomic steps each, none of them another task's."""
    scenario = alone(T1, alloc(0, 2048), alloc(1, 2048), free(0), free(1), user_pages=USER_PAGES)
    operations, run = labels_by_operation(scenario, variant)
    assert [len(labels) for labels in operations] == STEPS[variant]
    assert (run.broken("I1") is not None) == (variant == "v1")


def test_steps_of_the_patch_in_its_order() -> None:
    """v2: lookup, precharge, allocator, entry, statistic, two lookups a node, refund; at free one lookup a node."""
    scenario = alone(T1, alloc(0, 2048), alloc(1, 2048), free(0), free(1))
    operations, _ = labels_by_operation(scenario, "v2")
    assert operations[1] == V2_ALLOC.split()
    assert operations[3] == V2_FREE.split()


class Churn:
    """T9: what each operation of one CPU leaves in its two stocks; pages accounted and handed back so far."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int]] = []
        self.pages = self.accounted = self.returned = 0
        self.drained: list[int] = []
        self.after_drain = (0, 0)

    def __call__(self, state: Any, task: int, label: int) -> None:
        change = state.objcg_pages[1] - self.pages
        self.pages = state.objcg_pages[1]
        if label == PO_ACCOUNT:
            self.accounted += change
        elif label == UP_KMEM:
            self.returned -= change
        elif label == DO_BYTES:
            assert state.pc[task] == UC_LEVEL
            self.drained.append(state.uc_pages[task])
        else:
            assert change == 0
        if label == OP_END and state.phase == 0:
            slot = state.os_bytes[0, 0]
            self.rows.append((slot, self.accounted, self.returned, state.ps_pages[0, 0], state.memcg_usage[1]))


def test_churn_of_one_byte_slot() -> None:
    """T9: 4064, 4032, 4000, 3968 bytes after four allocs of 32; pages back 0, 1, 2, 3; after four frees exactly a page.

    The page stock is filled once (64 charged) and then holds 63: two consumed, one refunded, one handed back. A slot
    of exactly P bytes is not above P, so it stays until the drain, which uncharges its page directly.
    """
    allocs = [alloc(i, 8) for i in range(4)]
    frees = [free(i) for i in range(4)]
    churn = Churn()
    _, run = labels_by_operation(alone(machine([0, 0], 1, acting=(0,)), *allocs, *frees), "v2-exts", churn)
    assert churn.rows == [
        (4064, 1, 0, 63, 64),
        (4032, 2, 1, 63, 64),
        (4000, 3, 2, 63, 64),
        (3968, 4, 3, 63, 64),
        (4000, 4, 3, 63, 64),
        (4032, 4, 3, 63, 64),
        (4064, 4, 3, 63, 64),
        (4096, 4, 3, 63, 64),
    ]
    assert churn.drained == [1]
    assert run.state.memcg_usage[1] == 0
    assert run.violations == ()


def test_more_than_a_page_is_split() -> None:
    """Areas of 4064 bytes leave 32 each: the first free makes 4128, a page goes back; the second 4096, which stays."""
    scenario = alone(machine([0, 0], 1, acting=(0,)), alloc(0, 1016), alloc(1, 1016), free(0), free(1))
    churn = Churn()
    labels_by_operation(scenario, "v2-exts", churn)
    assert [row[:3] for row in churn.rows] == [(32, 1, 0), (64, 2, 0), (32, 2, 1), (4096, 2, 1)]
    assert churn.drained == [1]
