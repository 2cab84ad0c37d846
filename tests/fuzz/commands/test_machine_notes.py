"""What was assumed of a machine is said by every command that takes its file, and stands in the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from places import DATA

from percpu_fuzz.fuzz.cli import call

GPU = DATA / "machines" / "posted" / "sysfs" / "sysfs-movable-only-node.tar.gz"
NOTE = "nodes 1 have memory in ZONE_MOVABLE alone"


@pytest.mark.parametrize("command", [["show"], ["export", "--format", "json"], ["export"], ["import"]])
def test_topology_commands_print_the_notes(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, a line each."""
    assert call(["topology", command[0], str(GPU), *command[1:]]) == 0
    assert f"note: {NOTE}" in capsys.readouterr().err


def test_run_prints_them_and_keeps_them_in_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the screen before it begins, in report.txt and in the configuration of report.json."""
    out = tmp_path / "out"
    assert call(["run", "--variant", "fixed", "--topology", str(GPU), "--cases", "200", "--hunt", "0", "--seed", "1",
                 "--workers", "1", "--out", str(out), "--plain"]) == 0  # fmt: skip
    assert f"note: {NOTE}" in capsys.readouterr().err
    assert NOTE in " ".join((out / "report.txt").read_text().split())
    assert NOTE in json.loads((out / "report.json").read_text())["configuration"]["assumed of the machine"]


def test_families_of_choice(tmp_path: Path) -> None:
    """One option is a campaign over the machines that people have, a family each; with --topology it is refused."""
    out = tmp_path / "out"
    given = ["run", "--variant", "fixed", "--families", "gh200,movable-only", "--cases", "300", "--hunt", "0", "--seed",
             "1", "--workers", "1", "--plain"]  # fmt: skip
    assert call([*given, "--out", str(out)]) == 0
    assert list(json.loads((out / "report.json").read_text())["configuration"]["families"]) == ["gh200", "movable-only"]
    assert call([*given, "--topology", "vm8", "--out", str(tmp_path / "no")]) == 2
    assert call(["run", "--families", "vm9", "--out", str(tmp_path / "no")]) == 2
    assert not (tmp_path / "no").exists()
