"""Stranding: how many of a row of equal allocations succeed in a cgroup below its limit, by nodes and headroom.

What an allocation precharges beyond its need stays with the CPU: pages in the page stock, parts of pages in the byte
stock of each node. It is out of reach for the next one if that asks for more than is stocked, so that a cgroup with
room for a hundred areas may get one. The areas lie on all nodes of the machine; nobody else runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from percpu_fuzz.engine.case.reset import reset
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord, plain_array
from percpu_fuzz.engine.core.labels import GFP_ACCOUNT
from percpu_fuzz.engine.core.records import State, new_record
from percpu_fuzz.engine.program import Memcg, Op, Program, Task, prog_record
from percpu_fuzz.engine.topology import topo_record
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.draw.topologies import even
from percpu_fuzz.strategies.run.behaviour import GRANTED, Seen, new_seen, observe
from percpu_fuzz.strategies.run.kept import Rows, kept_rows

IN_A_ROW, EACH_BYTES, CPUS = 120, 8, 4
NODES = (1, 2, 4)
HEADROOMS_PAGES = (1, 2, 3, 5, 9)
SIZE_CLASS = "trace"  # has room for so many areas


def row_of_allocations(nodes: int, headroom_pages: int) -> Program:
    """A task that allocates again and again, its areas' pages on each node in turn."""
    ops = tuple(
        Op("alloc", memcg=1, slot=i, size_bytes=EACH_BYTES, align=EACH_BYTES, gfp=GFP_ACCOUNT) for i in range(IN_A_ROW)
    )
    memcgs = (Memcg(0, max_pages=headroom_pages),)
    return Program((Task(memcg=1, ops=ops),), memcgs, placement="table", table=tuple(range(nodes)))


def granted_in_rows(variant: Variant) -> Iterator[dict[str, int]]:
    """Rows of nodes, pages of headroom and the allocations that succeed, in plain mode."""
    state: Any = PlainRecord(new_record(State, SIZE_CLASS)[0])
    whole = True
    for nodes in NODES:
        topo: Any = PlainRecord(topo_record(even("row", nodes, CPUS), SIZE_CLASS)[0])
        for headroom in HEADROOMS_PAGES:
            progs = prog_record(row_of_allocations(nodes, headroom), SIZE_CLASS, CPUS)
            variant.write(progs[0])
            prog: Any = PlainRecord(progs[0])
            plain(reset)(topo, prog, state, whole)
            whole = False
            seen = Seen(*map(plain_array, new_seen(SIZE_CLASS)))
            plain(observe)([topo], [prog], [state], 0, seen)
            granted = int(np.count_nonzero(np.array(seen.results.cells) == GRANTED))
            yield {"nodes": nodes, "headroom": headroom, "granted": granted}


def kept_stranding(variant: Variant) -> Rows:
    """Rows {variant, nodes, headroom, granted}; counted once for each version of the code. None for own steps."""
    if variant.own is not None and variant.own.has_code:
        return []  # nobody has said that they come to an end
    choices = "".join(str(value) for value in variant.choices().values())
    rows = kept_rows(f"stranding-{choices}", lambda: list(granted_in_rows(variant)))
    return [{"variant": variant.name} | row for row in rows]
