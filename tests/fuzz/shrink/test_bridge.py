"""Hypothesis polishes what the own shrinker leaves: it does something, keeps what it must, and may be missing."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis.internal.conjecture import engine as inner
from places import DATA

from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Finding, Scenario, load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.shrink import bridge
from percpu_fuzz.fuzz.shrink.attempt import Attempt, BudgetSpentError, Gate
from percpu_fuzz.fuzz.shrink.bridge import polish
from percpu_fuzz.fuzz.shrink.numbers import Reading, Start, ranges_of
from percpu_fuzz.fuzz.shrink.shrinker import Shrinker, begun

FOLDER = DATA / "findings"
FINDINGS = sorted(FOLDER.glob("*.json"))


def start(path: Path) -> Shrinker:
    """A shrinker at a finding of the shelf."""
    finding = load_finding(path.read_bytes(), str(path))
    shrinker = begun(finding, VARIANTS[finding.variant])
    assert shrinker is not None
    return shrinker


def large() -> Shrinker:
    """The shortfall of v1 as nobody has shrunk it: company, a larger size, a limit, failures that change nothing."""
    shortfall = load_finding((FOLDER / "v1-shortfall.json").read_bytes(), "shortfall")
    short = Op("alloc", memcg=2, slot=1, size_bytes=6144, align=8, gfp=1)
    ops = (Op("rmdir", memcg=4), short, Op("free", slot=1), Op("charge_user", memcg=1, value=3, gfp=1))
    program = Program(
        (Task(memcg=1, ops=(Op("free", slot=3),)), Task(cpu=1, memcg=1, ops=ops)), (Memcg(0), Memcg(1, 5000)),
        fail_trylock=(0, 0, 0, 0, 0, 0, 0, 1),
    )  # fmt: skip
    scenario = Scenario(shortfall.scenario.topology, program)
    shrinker = begun(Finding(scenario, "v1", "I1"), VARIANTS["v1"])
    assert shrinker is not None
    return shrinker


def test_hypothesis_alone_makes_it_smaller() -> None:
    """The canary: from an unshrunk attempt on, before any own pass, the installed Hypothesis gets to less.

    That this fails is the sign that its inner names have moved, or that it no longer does anything with them.
    """
    shrinker = large()
    search = bridge.Search(shrinker.gate, shrinker.best, 5_000)
    bridge._shrink(search)
    found = search.best
    assert found.size < shrinker.best.size
    assert sum(len(task.ops) for task in found.scenario.program.tasks) < 5
    assert len(found.scenario.program.tasks) == 1
    assert found.label == shrinker.best.label
    whole = large()
    polished = polish(whole.gate, whole.best)
    assert polished.minimal is True
    assert "Hypothesis: smaller in" in polished.note


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_the_start_is_the_own_result(path: Path) -> None:
    """Read from its own numbers a scenario is itself, so that Hypothesis begins where the own shrinker ended."""
    first = start(path).best
    scenario = Reading(first, ranges_of(first), Start()).scenario()
    assert scenario == replace(first.scenario, program=replace(first.scenario.program, probe=(-1, -1)))


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_what_it_finds_breaks_the_same(path: Path) -> None:
    """Never larger than the own result; the same invariant at the same label, also for a gate that knows nothing; and
    the same again from the same start.
    """
    answers: list[Attempt] = []
    for _ in range(2):
        shrinker = start(path)
        assert shrinker.run()
        polished = polish(shrinker.gate, shrinker.best)
        assert polished.attempt.size <= shrinker.best.size
        assert (polished.minimal is not None) == (polished.attempt.size < shrinker.best.size)
        assert polished.minimal in (None, True)
        again = Gate(shrinker.gate.variant, shrinker.gate.invariant).attempt(polished.attempt.scenario)
        assert again is not None
        assert again.label == shrinker.best.label
        answers.append(polished.attempt)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("executions", [1, 7])
def test_executions_are_bounded(executions: int) -> None:
    """No more candidates of Hypothesis than it is given; the own shrinker's account is what it was."""
    shrinker = large()
    search = bridge.Search(shrinker.gate, shrinker.best, 1_000)
    shrinker.gate.executions_left = executions
    with pytest.raises(BudgetSpentError):
        bridge._shrink(search)
    assert shrinker.gate.executions == 1 + executions
    again = large()
    left = again.gate.executions_left
    polished = polish(again.gate, again.best, executions)
    assert polished.note.endswith(", ended by the budget")
    assert again.gate.executions_left == left - (polished.executions - executions)


def test_time_is_bounded() -> None:
    """After the deadline nothing is executed and the own result stands."""
    shrinker = large()
    shrinker.gate.deadline = time.monotonic()
    polished = polish(shrinker.gate, shrinker.best)
    assert (polished.attempt, polished.executions, polished.minimal) == (shrinker.best, 0, None)


@pytest.mark.parametrize("how", ["gone", "other arguments", "does nothing"])
def test_names_that_have_moved_leave_the_own_result(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner that is gone, takes other arguments or ignores the case: the own result, and the note says so."""

    class Other:
        def __init__(self, test: object, settings: object, random: object, ignore_limits: bool) -> None:
            """Takes what ConjectureRunner takes."""

        def test_function(self, data: object) -> None:
            """Runs nothing."""

    if how == "gone":
        monkeypatch.delattr(inner, "ConjectureRunner")
    else:
        monkeypatch.setattr(inner, "ConjectureRunner", Other if how == "does nothing" else object)
    shrinker = large()
    polished = polish(shrinker.gate, shrinker.best)
    assert polished.attempt == shrinker.best
    assert polished.minimal is None
    assert "is not the one expected" in polished.note
    assert polished.note.endswith("the own result stands")


def test_the_command_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Within its budget and a second; the last line is the note, and the file breaks what it did."""
    path = FOLDER / "v2-null-in-free.json"
    out = tmp_path / "small.json"
    start(path)  # what is compiled is loaded before the clock starts
    begin = time.process_time()  # whatever else the machine does
    assert call(["shrink", str(path), "--budget", "2", "-o", str(out)]) == 1
    assert time.process_time() - begin < 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("  Hypothesis: ")
    small, given = load_finding(out.read_bytes(), str(out)), load_finding(path.read_bytes(), str(path))
    assert (small.invariant, small.variant) == (given.invariant, given.variant)
    assert Gate(VARIANTS["v2"], small.invariant).attempt(small.scenario) is not None


def test_campaigns_do_not_load_hypothesis() -> None:
    """What campaigns import to shrink and show findings has neither the bridge nor Hypothesis."""
    code = (
        "import sys, percpu_fuzz.fuzz.findings.pick, percpu_fuzz.fuzz.findings.showing; "
        "print({'hypothesis', 'percpu_fuzz.fuzz.shrink.bridge'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
