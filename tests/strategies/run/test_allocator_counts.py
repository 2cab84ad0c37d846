"""The percpu allocator's own numbers against what they stand for, counted anew after each step of random cases.

No invariant of a campaign judges them: they are what percpu_stats and zoneinfo show, and what the next search goes by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from equality import PlainSide

from percpu_fuzz.engine.core.labels import AL_POP_MARK, IDLE, OP_PRESSURE
from percpu_fuzz.engine.core.stages import CHUNK_DYNAMIC, CHUNK_FIRST, CHUNK_RESERVED, CHUNK_UNUSED
from percpu_fuzz.engine.kernel.placement import PLACE_WATERMARK
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.recipe import make_plan

NARROW = replace(
    preset("two-node"), name="narrow", page_size=16384, unit_pages=2, first_room_bytes=20000, first_start_bytes=4096,
    reserved_room_bytes=16384,
)  # fmt: skip


def walked(machine: Topology | None, cases: int) -> Iterator[tuple[Any, Any, Any, bool]]:
    """Machine, program, state after each step of so many cases, and whether other users took or left pages in it."""
    plan = make_plan("fixed", 23, machine, ("populate=0.1", "create=0.1"))
    for k in range(cases):
        batch = plan.batch_of(STREAMS[k % 2], k)
        if batch.size_class != "small":
            continue
        side = PlainSide(batch)
        state: Any = side.state
        walk = side.steps()
        yield side.topo, side.prog, state, True
        for step in walk:
            t = step.task
            operates = t < side.prog.nr_tasks and step.label == IDLE and state.op_i[t] < side.prog.nr_ops[t]
            pressed = operates and side.prog.op_kind[t, state.op_i[t]] == OP_PRESSURE
            yield side.topo, side.prog, state, pressed


def bounds(topo: Any, state: Any, c: int) -> tuple[int, int]:
    """Where areas of a chunk may lie, in bytes."""
    if state.chunk_state[c] == CHUNK_FIRST:
        return topo.first_start, topo.first_start + topo.first_room
    room = topo.reserved_room if state.chunk_state[c] == CHUNK_RESERVED else topo.unit_pages * topo.page_size
    return 0, room


def areas(state: Any, c: int) -> list[tuple[int, int]]:
    """(begin, end) of a chunk's areas, in the order of its list."""
    found, r = [], state.chunk_head[c]
    while r >= 0:
        found.append((state.area_off[r], state.area_off[r] + state.area_bytes[r]))
        r = state.area_next[r]
    return found


def check_chunk(topo: Any, state: Any, c: int) -> None:
    """Bytes, pages and list of one chunk."""
    begin, end = bounds(topo, state, c)
    taken = areas(state, c)
    edges = [begin, *(edge for area in taken for edge in area), end]
    assert edges == sorted(edges), "areas overlap, or lie outside"
    holes = [after - before for before, after in zip(edges[::2], edges[1::2], strict=True)]
    assert state.chunk_free[c] == sum(holes), "free bytes"
    empty = 0
    for p in range(topo.unit_pages):
        first, last = p * topo.page_size, (p + 1) * topo.page_size
        touching = sum(a < last and b > first for a, b in taken)
        if state.chunk_state[c] != CHUNK_DYNAMIC and state.page_populated[c, p]:
            touching += first < begin or last > end
        assert state.page_areas[c, p] == touching
        empty += state.page_populated[c, p] == 1 and touching == 0
    assert state.chunk_empty[c] == empty
    assert state.chunk_populated[c] == sum(state.page_populated[c, p] for p in range(topo.unit_pages))
    whole = (topo.unit_pages * topo.page_size).bit_length() - 5 + 2
    by_size = 0 if max(holes) < 4 else max(max(holes).bit_length() - 5 + 2, 1)
    wholly_free = state.chunk_state[c] == CHUNK_DYNAMIC and not taken
    assert state.chunk_class[c] == (whole + 2 if wholly_free else by_size)


def pages_by_node(topo: Any, state: Any) -> list[int]:
    """Free pages of each node, and those that populated pages and obj_exts of dynamic chunks lie on."""
    found = [state.node_free[n] for n in range(topo.nr_nodes)]
    for c, kind in enumerate(state.chunk_state):
        if kind != CHUNK_DYNAMIC:
            continue
        for p in range(topo.unit_pages):
            for cpu in range(topo.nr_cpus if state.page_populated[c, p] else 0):
                found[state.page_node[c, cpu, p]] += 1
        for i in range(topo.unit_pages * topo.ext_size // 4):
            found[state.ext_node[c, i]] += 1
    return found


def check_cases(cases: Iterator[tuple[Any, Any, Any, bool]]) -> set[str]:
    """Check every step of these cases; what was met."""
    met = set[str]()
    pages: list[int] = []
    moved = False
    for topo, prog, state, pressed in cases:
        used = [c for c, kind in enumerate(state.chunk_state) if kind != CHUNK_UNUSED]
        for c in used:
            check_chunk(topo, state, c)
        counted = [c for c in used if state.chunk_isolated[c] == 0 and state.chunk_state[c] != CHUNK_RESERVED]
        assert state.nr_empty_pop == sum(state.chunk_empty[c] for c in counted)
        dynamic = sum(state.chunk_state[c] == CHUNK_DYNAMIC for c in used)
        met |= {f"{dynamic} chunks", *("isolated" for c in used if state.chunk_isolated[c])}
        moved = moved or pressed
        if prog.place_mode != PLACE_WATERMARK or AL_POP_MARK in list(state.pc):
            continue  # a table counts no free pages; a range that is backed is marked in the next step
        now = pages_by_node(topo, state)
        assert moved or now == pages, "a page was lost, or is there twice"
        pages, moved = now, False
    return met


@pytest.mark.parametrize(("machine", "cases"), [(NARROW, 16), (None, 16)], ids=["narrow", "families"])
def test_numbers_of_chunks_and_nodes_are_what_they_stand_for(machine: Topology | None, cases: int) -> None:
    """Free bytes, pages with areas, populated and empty pages, the class by the largest hole; no page of a node is lost
    over populate, depopulate, obj_exts, failures and destroyed chunks. Several chunks at a time are among them.
    """
    met = check_cases(walked(machine, cases))
    assert {"1 chunks", "2 chunks"} <= met if machine else {"1 chunks"} <= met


@pytest.mark.parametrize(("field", "said"), [("node_free", "lost"), ("chunk_free", "free bytes")])
def test_a_lost_page_and_a_wrong_count_are_seen(field: str, said: str) -> None:
    """Control: a page that leaves its node in the middle of a case, or a byte too few, does not pass."""

    def meddled() -> Iterator[tuple[Any, Any, Any, bool]]:
        for number, (topo, prog, state, pressed) in enumerate(walked(NARROW, 1)):
            if number == 30:
                getattr(state, field)[0] -= 1
            yield topo, prog, state, pressed

    with pytest.raises(AssertionError, match=said):
        check_cases(meddled())
