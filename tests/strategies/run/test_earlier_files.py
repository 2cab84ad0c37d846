"""Scenario files outlive changes of the engine: stops are labels by name, so other steps may come, go and be split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from places import DATA

from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.run.replay import run_scenario

FILES = sorted([*(DATA / "findings").glob("*.json"), *(DATA / "hazards").glob("*.json")])


@pytest.mark.parametrize("path", FILES[:1], ids=lambda path: path.name)
def test_a_kept_file_replays(path: Path) -> None:
    """Files written by earlier versions still show their violation."""
    finding = load_finding(path.read_bytes(), str(path))
    run = run_scenario(finding.scenario, VARIANTS[finding.variant])
    assert run.broken(finding.invariant) is not None


def test_a_step_split_elsewhere_changes_nothing() -> None:
    """A stop is a label and how often its task passed it: steps of other labels do not count, so one that is split in
    two moves no stop. Numbers of steps, which would move, stand in no schedule.
    """
    for path in FILES:
        for task, label, passed in json.loads(path.read_bytes())["schedule"]:
            assert isinstance(task, int)
            assert label == "" or label in NAMES
            assert 0 <= passed < 100


def test_a_renamed_step_is_refused_by_its_name() -> None:
    """Every label of every kept schedule, renamed as if the engine had lost it: one line that names it."""
    renamed = 0
    for path in FILES:
        row = json.loads(path.read_bytes())
        for place, (task, label, passed) in enumerate(row["schedule"]):
            if not label:
                continue
            schedule = [*row["schedule"]]
            schedule[place] = [task, f"{label}_BEFORE", passed]
            with pytest.raises(InputError, match=f"names the step '{label}_BEFORE'"):
                load_finding(json.dumps(row | {"schedule": schedule}).encode(), str(path))
            renamed += 1
    assert renamed > 5


def test_a_stop_that_is_not_reached_is_refused_by_its_name() -> None:
    """A label that exists and that the task never comes to is named, not skipped in silence."""
    path = next(path for path in FILES if json.loads(path.read_bytes())["schedule"][0][1])
    row = json.loads(path.read_bytes())
    row["schedule"][0][1] = "RL_NODE" if row["schedule"][0][1] != "RL_NODE" else "PO_REFUND"
    finding = load_finding(json.dumps(row).encode(), str(path))
    assert finding.variant in VARIANTS
    with pytest.raises(InputError, match=r"cannot run to (RL_NODE|PO_REFUND)"):
        run_scenario(finding.scenario, VARIANTS[finding.variant])
