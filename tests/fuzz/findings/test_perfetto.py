"""An interleaving as a trace-event file."""

from __future__ import annotations

import json
from pathlib import Path

from places import DATA

from percpu_fuzz.fuzz.cli import call

SHORTFALL = DATA / "findings" / "v1-shortfall.json"


def test_every_step_is_an_event_and_the_violation_is_marked(tmp_path: Path) -> None:
    """One complete event a step, in order and without overlap; names for CPU and task; the violation as an instant."""
    out = tmp_path / "trace.json"
    assert call(["replay", str(SHORTFALL), "--perfetto", str(out)]) == 1
    events = json.loads(out.read_bytes())["traceEvents"]
    steps = [event for event in events if event["ph"] == "X"]
    assert [event["args"]["step"] for event in steps] == list(range(1, 34))
    assert [event["ts"] for event in steps] == list(range(33))
    assert {event["args"]["name"] for event in events if event["ph"] == "M"} == {"CPU 0", "task 0"}
    (broken,) = [event for event in events if event["ph"] == "i"]
    assert (broken["name"], broken["args"], broken["ts"]) == ("I1 broken", {"expected": 1, "found": 2}, 32)
    assert steps[26]["args"]["memcg1 kmem[0]"] == "0 -> 1"


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """One line and exit status 2."""
    assert call(["replay", str(SHORTFALL), "--perfetto", str(tmp_path / "no" / "x.json")]) == 2


def test_the_finding_itself_is_never_overwritten(tmp_path: Path) -> None:
    """Neither its own name nor an empty one is taken, and the finding stays as it was."""
    finding = tmp_path / "finding.json"
    finding.write_bytes(SHORTFALL.read_bytes())
    assert call(["replay", str(finding), "--perfetto", str(finding)]) == 2
    assert call(["replay", str(finding), "--perfetto", ""]) == 2
    assert finding.read_bytes() == SHORTFALL.read_bytes()


def test_nothing_is_left_beside_a_name_that_is_a_folder(tmp_path: Path) -> None:
    """A folder in place of the file is refused, and no part of a file is left behind."""
    (tmp_path / "folder").mkdir()
    assert call(["replay", str(SHORTFALL), "--perfetto", str(tmp_path / "folder")]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
