"""Page events: where pages lie, from the page allocator's own trace, against the recorded truth."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from percpu_fuzz.strategies.machines.importing import import_path
from percpu_fuzz.strategies.machines.page_frames import FrameNodes, frames_of
from percpu_fuzz.strategies.trace.events import Event
from percpu_fuzz.strategies.trace.pages.page_events import PAGE_PAYLOADS, PagesSeen
from percpu_fuzz.strategies.trace.pages.placement import Placement, PopulateRecord, import_placement
from percpu_fuzz.strategies.trace.tracefs import LineCounts, read_events

SMALL = "r11-2node-small-6.1"


def same_pages(a: Placement, b: Placement) -> tuple[int, int]:
    """(pages on the same node, pages) over the populates of `a`; one that `b` lacks has none right."""
    there = {(r.t, r.base, r.page_start, r.page_end): r.node_by_cpu_by_page for r in b.populates}
    equal = total = 0
    for record in a.populates:
        found = there.get((record.t, record.base, record.page_start, record.page_end))
        for cpu, row in enumerate(record.node_by_cpu_by_page):
            total += len(row)
            equal += 0 if found is None else sum(x == y for x, y in zip(row, found[cpu], strict=True))
    return equal, total


def seen_of(folder: Path, text: str) -> PagesSeen:
    """What the page events of a text say on the folder's machine."""
    machine = import_path(folder)
    assert machine.frames is not None
    seen, counts = PagesSeen(machine.topology, machine.frames), LineCounts()
    passed: list[Event] = list(seen.watch(read_events(io.BytesIO(text.encode()), counts, PAGE_PAYLOADS)))
    assert counts.unparsed == 0
    assert counts.events > len(passed)
    return seen


def text_of(recorded: Path) -> str:
    return gzip.decompress((recorded / SMALL / "page-events.trace.gz").read_bytes()).decode()


def lines_without(text: str, kind: str) -> str:
    return "".join(line + "\n" for line in text.splitlines() if f": {kind}:" not in line)


def truth_of(recorded: Path) -> Placement:
    return import_placement(recorded / SMALL / "placement.json.gz")


def test_pages_of_the_small_run_lie_where_they_were(recorded: Path) -> None:
    """1,912 of 1,912 pages on the recorded node, and every depopulate seen."""
    seen, truth = seen_of(recorded / SMALL, text_of(recorded)), truth_of(recorded)
    found = seen.placement()
    assert found is not None
    assert same_pages(truth, found) == (1912, 1912)
    assert seen.unplaced == 0
    assert len(found.records) == len(truth.records) == 389
    assert found.first_chunk_node_by_cpu == truth.first_chunk_node_by_cpu


def test_mapped_pages_tell_the_same(recorded: Path) -> None:
    """Without one of the allocations of each populate, the struct pages that were mapped give the same nodes."""
    found = seen_of(recorded / SMALL, lines_without(text_of(recorded), "mm_page_alloc")).placement()
    assert found is not None
    assert same_pages(truth_of(recorded), found) == (1912, 1912)


def test_what_cannot_be_told_is_counted(recorded: Path) -> None:
    """Without either, no populate is placed, and each counts as unplaced."""
    text = lines_without(lines_without(text_of(recorded), "mm_page_alloc"), "vmap")
    frames = import_path(recorded / SMALL).frames
    assert frames is not None
    seen = PagesSeen(import_path(recorded / SMALL).topology, frames)
    assert len(list(seen.watch(read_events(io.BytesIO(text.encode()), LineCounts(), PAGE_PAYLOADS)))) > 600
    assert (seen.placement(), seen.unplaced) == (None, 310)


def test_a_wrong_zone_moves_pages(recorded: Path) -> None:
    """Control: with the border of the two nodes moved, pages come out on other nodes."""
    frames = import_path(recorded / SMALL).frames
    assert frames is not None
    moved = replace(frames, nodes=tuple(1 - node for node in frames.nodes))
    seen = PagesSeen(import_path(recorded / SMALL).topology, moved)
    list(seen.watch(read_events(io.BytesIO(text_of(recorded).encode()), LineCounts(), PAGE_PAYLOADS)))
    found = seen.placement()
    assert found is not None
    assert same_pages(truth_of(recorded), found) == (0, 1912)


def test_a_populate_that_the_other_lacks_has_no_page_right() -> None:
    """Pages of a populate that is missing count as wrong."""
    one = PopulateRecord(1, "ab", 0, 2, ((0, 0), (1, 1)))
    assert same_pages(Placement({0: 0, 1: 1}, (one,)), Placement({0: 0, 1: 1}, ())) == (0, 4)


@pytest.mark.parametrize(("pfn", "node"), [(0, None), (1, 0), (99, 0), (100, None), (150, None), (160, 1), (200, None)])
def test_a_frame_in_no_zone_or_in_two_has_no_node(pfn: int, node: int | None) -> None:
    """Zones 1-99 of node 0, 140-159 of both, 140-199 of node 1."""
    frames = FrameNodes((1, 140, 140), (100, 160, 200), (0, 0, 1))
    assert frames.node_of(pfn) == node


def test_zones_without_a_beginning_place_nothing(recorded: Path, tmp_path: Path) -> None:
    """Where no zone says where it begins, or one lies beyond every frame, there are no frames."""
    machine = json.loads((recorded / SMALL / "topology.json").read_text())
    path = tmp_path / "topology.json"
    for start in (0, 1 << 52):
        for node in machine["nodes"].values():
            for zone in node["zones"]:
                zone["start_pfn"] = start
        path.write_text(json.dumps(machine))
        assert import_path(path).frames is None
    assert frames_of([(1, 99, 0), (0, 5, 1), (200, 0, 1)]) == FrameNodes((1,), (100,), (0,))


def large_runs(kernel_runs: Path) -> Iterator[Path]:
    yield from sorted(path for path in kernel_runs.iterdir() if (path / "placement.json").is_file())


def test_pages_of_a_large_run(kernel_runs: Path) -> None:
    """r12, another kernel: every page where placement.json has it."""
    folder = next(path for path in large_runs(kernel_runs) if path.name.startswith("r12-"))
    text = gzip.decompress((folder / "percpu.trace.gz").read_bytes()).decode()
    found = seen_of(folder, text).placement()
    assert found is not None
    assert same_pages(import_placement(folder / "placement.json"), found) == (1852, 1852)


def test_populates_whose_return_is_lost_are_counted_and_let_go(recorded: Path) -> None:
    """Without any return, a task's next populate ends its last one: one stays open for each task, all others count."""
    frames = import_path(recorded / SMALL).frames
    assert frames is not None
    seen = PagesSeen(import_path(recorded / SMALL).topology, frames)
    text = lines_without(text_of(recorded), "populate_ret")
    list(seen.watch(read_events(io.BytesIO(text.encode()), LineCounts(), PAGE_PAYLOADS)))
    waiting = len(seen._open)
    assert (seen.placed, seen.unplaced + waiting) == (0, 310)
    assert 0 < waiting < 20
    assert all(len(window.frames) <= seen._wanted(window) + 1 for window in seen._open.values())
