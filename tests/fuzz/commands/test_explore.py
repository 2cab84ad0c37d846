"""`percpu-fuzz explore` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from percpu_fuzz.engine.core.compiled import ROOT
from percpu_fuzz.fuzz.cli import call

KEYS = {
    "code",
    "schema", "variant", "complete", "stopped", "interrupted", "states", "terminal_states", "stuck", "transitions",
    "probes", "deepest", "reduction", "max_states", "seconds", "collision_probability", "scope", "violations", "exit",
}  # fmt: skip
BAD: dict[str, list[str]] = {
    "a scope that does not exist": ["--scope", "nowhere"],
    "a scope and a shape": ["--scope", "limit", "--ops", "2"],
    "too many nodes": ["--nodes", "9"],
    "tasks that are no number": ["--tasks", "two"],
    "an operation that does not exist": ["--alphabet", "alloc,explode"],
    "more programs than can be run": ["--tasks", "4", "--ops", "4"],
    "a reduction that does not exist": ["--reduction", "magic"],
    "two ways to search": ["--reduction", "both", "--shortest"],
    "no states": ["--max-states", "0"],
    "no time": ["--time", "0"],
    "a variant that does not exist": ["--variant", "v9"],
    "an output that is a file": ["-o", "{file}"],
    "a scope that is a folder": ["--scope", "{folder}"],
    "a scope that is no scenario": ["--scope", "{file}"],
}


def explored(out: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and stored object of a run."""
    status = call(["explore", "-o", str(out), *arguments])
    return status, json.loads((out / "scope.json").read_text())


def test_a_clean_scope(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A complete scope in which nothing breaks exits 0; the last line is the stored object."""
    status, row = explored(tmp_path / "out", "--scope", "two-allocs", "--variant", "fixed", "--json")
    printed = capsys.readouterr().out
    assert status == row["exit"] == 0
    assert json.loads(printed.splitlines()[-1]) == row
    assert row.keys() == KEYS
    assert (row["complete"], row["violations"], row["stuck"]) == (True, [], 0)
    assert "Complete: every interleaving" in printed
    assert (tmp_path / "out" / "scope.txt").read_text() in printed
    assert all(len(line) <= 78 for line in (tmp_path / "out" / "scope.txt").read_text().splitlines())


def test_a_broken_scope_leaves_findings_that_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1; each finding replays with exit status 1, at the step that the object names."""
    out = tmp_path / "out"
    status, row = explored(out, "--scope", "alloc-rmdir", "--shortest")
    assert (status, row["reduction"]) == (1, "shortest")
    assert [violation["invariant"] for violation in row["violations"]] == ["I8", "I9", "I18", "I23"]
    for violation in row["violations"]:
        capsys.readouterr()
        assert call(["replay", str(out / violation["finding"])]) == 1
        assert f"{violation['invariant']} at step {violation['steps']}," in capsys.readouterr().out
    finding = out / row["violations"][2]["finding"]
    again, same = explored(tmp_path / "again", "--scope", str(finding), "--shortest")
    assert (again, same["states"], same["violations"]) == (1, row["states"], row["violations"])


def test_a_limit_of_states_is_inconclusive(tmp_path: Path) -> None:
    """Where nothing broke in the part that was explored the exit status is 4, and the part is said."""
    status, row = explored(tmp_path / "out", "--scope", "two-allocs", "--max-states", "1000")
    assert (status, row["complete"], row["stopped"]) == (4, False, "states")
    assert row["scope"]["programs_complete"] == 0
    assert "NOT complete: the limit of states" in (tmp_path / "out" / "scope.txt").read_text()


def test_every_program_of_a_shape(tmp_path: Path) -> None:
    """Without --scope the programs of a shape are summed, and the scope says how many there are."""
    status, row = explored(tmp_path / "out", "--alphabet", "alloc,free", "--variant", "fixed")
    assert (status, row["scope"]["programs"], row["scope"]["programs_complete"]) == (0, 4, 4)


def test_time_ends_an_exploration(tmp_path: Path) -> None:
    """A shape that would take hours stops soon after its budget, with the programs that it completed."""
    status, row = explored(tmp_path / "out", "--tasks", "3", "--ops", "2", "--alphabet", "alloc,free", "--time", "1")
    assert (status, row["stopped"], row["interrupted"]) == (4, "time", False)
    assert row["seconds"] < 60


def test_an_interrupt_ends_an_exploration(tmp_path: Path) -> None:
    """Ctrl-C: what was explored is stored and said, exit status 4."""
    command = [
        sys.executable,
        "-m",
        "percpu_fuzz",
        "explore",
        "--tasks",
        "3",
        "--time",
        "300",
        "-o",
        str(tmp_path / "out"),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "compiled or loaded" in process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (1, 4)
    row = json.loads((tmp_path / "out" / "scope.json").read_text())
    assert (row["stopped"], row["interrupted"], row["complete"]) == ("interrupted", True, False)


def test_the_scopes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """--list names each with its words."""
    assert call(["explore", "--list"]) == 0
    assert "alloc-rmdir  a task allocates while another removes the memcg" in capsys.readouterr().out


def test_the_precharge_formulas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """The safe formula is called safe, the other has its counterexamples."""
    assert call(["explore", "--precharge"]) == 0
    printed = capsys.readouterr().out
    assert "min(N, pages touched) - 1: used <= precharge everywhere" in printed
    assert "ceil + N - 2: short in" in printed


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each refusal exits 2 with one line and leaves nothing behind."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    words = [w.format(file=tmp_path / "file", folder=tmp_path / "folder") for w in BAD[name]]
    if "-o" not in words:
        words += ["-o", str(tmp_path / "out")]
    assert call(["explore", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("percpu-fuzz: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
