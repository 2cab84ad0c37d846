"""placement.json: where pages really were, in step with the trace."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.trace.events import Depopulated, Populate
from percpu_fuzz.strategies.trace.pages.placement import DepopulateRecord, PopulateRecord, import_placement
from percpu_fuzz.strategies.trace.tracefs import read_events


def test_records_of_the_small_run(recorded: Path) -> None:
    """1,912 backing pages, 633 of them of CPU 1 on node 0, and none of CPU 0 on node 1."""
    placement = import_placement(recorded / "r11-2node-small-6.1" / "placement.json.gz")
    pages = Counter(
        (cpu, node)
        for record in placement.populates
        for cpu, row in enumerate(record.node_by_cpu_by_page)
        for node in row
    )
    assert pages == {(0, 0): 956, (1, 0): 633, (1, 1): 323}
    assert placement.first_chunk_node_by_cpu == {0: 0, 1: 1}
    assert (len(placement.populates), len(placement.records)) == (310, 389)


def test_records_are_the_events_of_the_trace(recorded: Path) -> None:
    """Time, chunk and pages of every record are those of an event, in the same order."""
    run = recorded / "r11-2node-small-6.1"
    events = [
        (e.t, e.base, e.page_start, e.page_end)
        for e in read_events(run / "percpu.trace.gz")
        if isinstance(e, Populate | Depopulated)
    ]
    records = import_placement(run / "placement.json.gz").records
    assert [(r.t, r.base, r.page_start, r.page_end) for r in records] == events


def event(t: float, nodes: list[list[int]] | None = None, **more: object) -> dict[str, object]:
    return {"t": t, "chunk": "0xab", "page_start": 3, "page_end": 5, "node_by_cpu_by_page": nodes, **more}


def written(path: Path, *events: dict[str, object]) -> Path:
    path.write_text(json.dumps({"first_chunk_node_by_cpu": {"0": 0, "4": 1}, "events": events}))
    return path


def test_records_come_in_time_order(tmp_path: Path) -> None:
    """Whatever the order of the file."""
    path = written(tmp_path / "p.json", event(9, [[0, 0], [1, 1]]), event(4, depopulate=True))
    assert import_placement(path).records == (
        DepopulateRecord(4, "ab", 3, 5),
        PopulateRecord(9, "ab", 3, 5, ((0, 0), (1, 1))),
    )


def test_time_that_is_no_time_is_refused(tmp_path: Path) -> None:
    """A number beyond every clock is named with its place."""
    path = written(tmp_path / "p.json", event(1e300, [[0, 0], [1, 1]]))
    with pytest.raises(InputError, match=r"events\[0\]\.t"):
        import_placement(path)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (event(1), "node_by_cpu_by_page of None; allowed: 2 CPUs of 2 pages"),
        (event(1, [[0, 0]]), "allowed: 2 CPUs of 2 pages"),
        (event(1, [[0, 0], [1]]), "of [2, 1]"),
        (event(1, [[0, 0], [1, 1]], page_end=3), "page_start < page_end"),
    ],
)
def test_event_that_does_not_fit_is_refused(tmp_path: Path, bad: dict[str, object], named: str) -> None:
    """One line that names the event by its number."""
    path = written(tmp_path / "p.json", event(0, [[0, 0], [1, 1]]), bad)
    with pytest.raises(InputError) as caught:
        import_placement(path)
    assert f"{path}, events[1]: " in str(caught.value)
    assert named in str(caught.value)
