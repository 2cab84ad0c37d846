"""Cgroups that are removed before their areas are freed: what stays charged to their parent once all is freed.

On `v2` and `v2-exts` the free gives an area's bytes to the parent's objcg, and the rest of the page that the removed
cgroup's own objcg had is dropped at its release. The parent's byte stock collects what it was never charged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainGrid, PlainRecord
from percpu_fuzz.engine.core.records import State, new_record
from percpu_fuzz.engine.program import Memcg, Op, Program, Task, prog_record
from percpu_fuzz.engine.topology import topo_record
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import even
from percpu_fuzz.strategies.run.behaviour import AFTER_FREE, CURRENT, Seen, new_seen, observe

ONE_NODE = even("one", 1, 4)
SIZE_CLASS = "trace"  # has room for hundreds of cgroups


def left_of(cgroups: int, size_bytes: int, variant: str) -> tuple[int, int, int]:
    """(pages that stay charged to the parent, bytes lost at releases, bytes parked with the parent's objcg)."""
    ops = tuple(
        op
        for m in range(2, cgroups + 2)
        for op in (Op("alloc", memcg=m, slot=m, size_bytes=size_bytes, align=8, gfp=1), Op("rmdir", memcg=m))
    )
    program = Program((Task(0, 0, ops=ops),), (Memcg(0), *(Memcg(1) for _ in range(cgroups))))
    progs = prog_record(program, SIZE_CLASS, 4)
    VARIANTS[variant].write(progs[0])
    topo, prog = PlainRecord(topo_record(ONE_NODE, SIZE_CLASS)[0]), PlainRecord(progs[0])
    state: Any = PlainRecord(new_record(State, SIZE_CLASS)[0])
    plain(reset)(topo, prog, state, True)  # type: ignore[arg-type]
    seen = Seen(*(PlainGrid(array.shape, array.ravel().tolist()) for array in new_seen(SIZE_CLASS)))
    assert plain(observe)([topo], [prog], [state], 0, seen)
    amounts = np.array(seen.amounts.cells).reshape(seen.amounts.shape)
    return int(amounts[AFTER_FREE, 1, CURRENT]), sum(state.objcg_lost), state.objcg_ncb[1]


@pytest.mark.parametrize(
    ("cgroups", "size_bytes", "variant", "left"),
    [
        (1, 8, "v2", (1, 4064, 32)),
        (200, 8, "v2-exts", (198, 809_600, 1408)),
        (100, 1000, "v2-exts", (54, 219_200, 1984)),
        (20, 4096, "v2", (0, 0, 0)),
        (1, 8, "base", (0, 0, 0)),
        (100, 1000, "fixed", (0, 0, 0)),
    ],
)
def test_pages_that_stay_charged(cgroups: int, size_bytes: int, variant: str, left: tuple[int, int, int]) -> None:
    """As docs/findings.md says; nothing stays on the kernel before the series, nor on the reference."""
    assert left_of(cgroups, size_bytes, variant) == left
