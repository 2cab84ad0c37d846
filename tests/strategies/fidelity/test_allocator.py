"""The emulated percpu allocator: hints against the bitmap, lists of chunks, pages, and the recorded small run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from percpu_fuzz.strategies.fidelity.allocator import Allocator
from percpu_fuzz.strategies.fidelity.allocator_chunk import ChunkMap, Hints
from percpu_fuzz.strategies.fidelity.area_steps import steps_of
from percpu_fuzz.strategies.fidelity.areas import AreaReport, check_areas
from percpu_fuzz.strategies.trace import events as ev
from percpu_fuzz.strategies.trace.tracefs import read_events

UNIT = 8 * 4096
TASK = ("w0", 7)


def first_fit(allocator: Allocator, size_bytes: int, align: int, atomic: bool) -> tuple[ChunkMap, int] | None:
    """A control for `choose`: the first place in the fullest chunk that has one, whatever its hints say."""
    granules, step = size_bytes // 4, max(align // 4, 1)
    for chunk in sorted(allocator.chunks.values(), key=lambda chunk: chunk.free):
        at = 0
        while (at := chunk.taken.find(0, at)) >= 0 and (at := -(-at // step) * step) + granules <= chunk.width:
            end = chunk.taken.find(1, at, at + granules)
            gaps = chunk.clear_ranges(at, granules) if atomic and end < 0 else []
            if end < 0 and not gaps:
                return chunk, at
            at = (gaps[-1][1] * chunk.per_block if gaps else end) + (not gaps)
    return None


def free_runs(taken: bytearray) -> list[int]:
    return [len(run) for run in bytes(taken).split(b"\x01") if run]


def churn(seed: int, rounds: int) -> list[tuple[Allocator, ChunkMap, int, int]]:
    """Random areas taken and released in two chunks; yields the state after each step."""
    generator, allocator = random.Random(seed), Allocator(8)
    for base in ("a", "b"):
        allocator.populate(allocator.add(base), 0, 8)
    live: list[tuple[ChunkMap, int]] = []
    states = []
    for _ in range(rounds):
        size, align = generator.choice([4, 8, 24, 64, 200, 792, 3000, 9000]), generator.choice([4, 8, 8, 64, 256])
        place = allocator.choose(size, align, False) if generator.random() < 0.6 else None
        if place is not None:
            assert (place[1] * 4) % align == 0
            allocator.take(*place, size // 4)
            live.append(place)
            states.append((allocator, *place, size // 4))
        elif live:
            allocator.release(*live.pop(generator.randrange(len(live))))
            states.append((allocator, allocator.chunks["a"], 0, 0))
    return states


@pytest.mark.parametrize("seed", range(4))
def test_an_area_never_overlaps_another(seed: int) -> None:
    """What is chosen is free whatever was taken and released before, and the bitmap holds just the live areas."""
    allocator = churn(seed, 3000)[-1][0]
    for chunk in allocator.chunks.values():
        expected = bytearray(chunk.width)
        for at, granules in chunk.areas.items():
            assert not any(expected[at : at + granules])
            expected[at : at + granules] = b"\x01" * granules
        assert chunk.taken == expected
        assert chunk.free == expected.count(0)


def test_hints_never_promise_more_than_the_bitmap_has() -> None:
    """A block's largest run is the bitmap's; a chunk's may lag behind but is never larger. Lag does occur."""
    generator, lags = random.Random(3), 0
    chunk, live = ChunkMap("a", 8, 4096), list[int]()
    for _ in range(3000):
        granules = generator.choice([2, 6, 16, 50, 198, 750])
        start = chunk.fit(granules, 2, False) if generator.random() < 0.55 else -1
        at = chunk.scan(start, granules, 2) if start >= 0 else -1
        if at >= 0:
            chunk.take(at, granules)
            live.append(at)
        elif live:
            chunk.release(live.pop(generator.randrange(len(live))))
        for i, block in enumerate(chunk.blocks):
            runs = free_runs(chunk.taken[i * 1024 : (i + 1) * 1024])
            assert block.contig == max(runs, default=0)
        longest = max(free_runs(chunk.taken), default=0)
        assert chunk.whole.contig <= longest
        lags += chunk.whole.contig < longest
    assert lags > 0


def test_empty_populated_pages_are_counted_as_they_are() -> None:
    """The running counts equal a count from scratch after every step."""
    for allocator, *_ in churn(9, 600):
        total = 0
        for chunk in allocator.chunks.values():
            pages = [chunk.taken[p * 1024 : (p + 1) * 1024] for p in range(chunk.nr_pages)]
            counted = sum(
                not any(page) if here else -any(page) for here, page in zip(chunk.populated, pages, strict=True)
            )
            assert chunk.empty_populated == counted
            total += 0 if chunk.isolated else counted
        assert allocator.empty_populated == total


def test_a_search_skips_the_run_that_is_known_to_be_too_small() -> None:
    """The scan run stands before the largest: a larger request starts behind it, a smaller one at the first free."""
    hints = Hints(100)
    hints.fill()
    hints.learn(10, 14)
    hints.learn(50, 90)
    assert (hints.scan_start, hints.scan, hints.contig_start, hints.contig) == (10, 4, 50, 40)
    assert hints.search_from(4) == 0
    assert hints.search_from(5) == 14


def test_the_fullest_chunk_with_room_is_searched_first() -> None:
    """A chunk whose largest run is smaller stands on an earlier list."""
    allocator = Allocator(8)
    full, empty = allocator.add("full"), allocator.add("empty")
    allocator.take(full, 0, 8000)
    assert allocator.choose(64, 8, False) == (full, 8000)
    assert allocator.choose(4096, 8, False) == (empty, 0)


def test_an_atomic_allocation_takes_populated_pages_only() -> None:
    """It passes over pages without memory, and finds nothing where none are populated."""
    allocator = Allocator(8)
    chunk = allocator.add("a")
    assert allocator.choose(64, 8, True) is None
    allocator.populate(chunk, 2, 3)
    assert allocator.choose(64, 8, True) == (chunk, 2048)
    assert allocator.choose(64, 8, False) == (chunk, 0)


def test_a_chunk_with_many_empty_pages_is_reclaimed_from_its_end() -> None:
    """A quarter of its pages empty, enough others elsewhere: isolated, given back last range first, sidelined."""
    allocator = Allocator(8)
    other, chunk = allocator.add("other"), allocator.add("chunk")
    allocator.take(other, 0, 8)
    allocator.populate(other, 0, 8)
    for at, granules in ((0, 8), (1024, 1024), (3072, 1024)):
        allocator.take(chunk, at, granules)
    allocator.populate(chunk, 0, 2)
    allocator.populate(chunk, 3, 4)
    allocator.release(chunk, 3072)
    assert not chunk.isolated
    allocator.release(chunk, 1024)
    assert chunk.isolated
    assert allocator.reclaim_next(chunk) == (3, 4)
    allocator.populate(chunk, 3, 4, populated=False)
    assert allocator.reclaim_next(chunk) == (1, 2)
    allocator.populate(chunk, 1, 2, populated=False)
    assert allocator.reclaim_next(chunk) is None
    assert allocator.where["chunk"] == allocator.sidelined
    allocator.take(chunk, 8, 8)
    assert not chunk.isolated


def alloc(t: int, off: int, task: ev.Task = TASK) -> ev.Alloc:
    return ev.Alloc(t, task, 0, ".", "f", False, False, 64, 8, "a", off, 192, "GFP_KERNEL")


def test_an_allocation_stands_where_its_pages_were_populated() -> None:
    """Its place was chosen before; a range of other pages or another task's does not move it."""
    at = (TASK, 0, ".")
    events: list[ev.Event] = [
        ev.Populate(1, *at, "a", 0, 1), ev.Populated(2, *at, "a", 0, 1), ev.Free(3, ("w1", 8), 1, ".", "a", 640),
        alloc(4, 0), ev.Populate(5, *at, "a", 3, 4), alloc(6, 64),
    ]  # fmt: skip
    steps = steps_of(events, 4096)
    assert [s.alloc and s.alloc.off for s in steps] == [0, None, None, None, 64]
    assert [s.owned for s in steps] == [True, True, False, False, False]


def test_an_allocation_traced_late_is_a_miss_with_that_cause() -> None:
    """Two tasks traced in the other order: a miss, which goes when the one under way is decided first."""
    other = ("w1", 8)
    made: list[ev.Event] = [ev.CreateChunk(0, TASK, 0, ".", "a"), alloc(1, 0), alloc(2, 64, other)]
    late = check_areas([*made, alloc(3, 192), alloc(4, 128, other)], UNIT)
    assert (late.allocations, late.equal) == (4, 3)
    assert +late.causes == {"order not in the trace": 1}
    elsewhere = check_areas([*made, alloc(3, 640)], UNIT)
    assert +elsewhere.causes == {"other offset, blocking": 1}


@pytest.fixture(scope="module")
def small_run(recorded: Path) -> list[ev.Event]:
    return list(read_events(recorded / "r11-2node-small-6.1" / "percpu.trace.gz"))


def test_areas_of_the_small_run_are_where_the_kernel_put_them(small_run: list[ev.Event]) -> None:
    """10,756 of 10,788; 30 of the rest are the order of the trace. Every failed request finds no place, too."""
    report = check_areas(small_run, 2 << 20)
    assert (report.allocations, report.equal, report.stretch, report.first_chunk) == (10788, 10756, 2320, 380)
    assert report.causes["order not in the trace"] == 30
    assert (report.failures_equal, report.failures) == (44, 44)
    assert (report.populates_equal, report.populates) == (304, 310)
    assert (report.depopulates_equal, report.depopulates) == (79, 79)
    assert (report.conflicts, report.unknown_frees) == (0, 0)


def test_a_plain_first_fit_reaches_less(small_run: list[ev.Event]) -> None:
    """Control: without hints and lists, five times as many allocations are missed."""
    report = check_areas(small_run, 2 << 20, policy=first_fit)
    assert isinstance(report, AreaReport)
    assert report.allocations - report.equal > 5 * 32 - 1
