"""Processes that work through tasks: answers by number, an end in time, deaths and exceptions."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.findings import helpers
from percpu_fuzz.fuzz.findings.helpers import answers_of, asked_to_end


def doubled(number: int) -> int:
    return 2 * number


def until_asked(folder: Path, number: int) -> str:
    """A task that would take a minute, and gives what it has when it is asked. A file says that it is at work."""
    (folder / str(number)).touch()
    until = time.monotonic() + 60
    while not asked_to_end() and time.monotonic() < until:
        time.sleep(0.01)
    return f"best of {number}"


def deaf(folder: Path, number: int) -> int:
    (folder / str(number)).touch()
    time.sleep(60 if number else 0)
    time.sleep(60 if number else 0)  # SIGTERM may end the first one early
    return number


def dies(mark: str, times: int) -> str:
    with open(mark, "a") as file:
        file.write("x")
    if len(Path(mark).read_text()) <= times:
        os.kill(os.getpid(), 9)
    return "done"


def raises() -> None:
    raise ArithmeticError("planted")


@pytest.mark.parametrize("workers", [1, 3])
def test_every_task_is_answered_by_its_number(workers: int) -> None:
    """Whatever the number of processes."""
    assert answers_of(doubled, [(n,) for n in range(7)], workers, lambda: False) == {n: 2 * n for n in range(7)}
    assert answers_of(doubled, [], workers, lambda: False) == {}


def test_those_at_work_give_what_they_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is enough, tasks in hand end with what they have; those not begun are left out."""
    monkeypatch.setattr(helpers, "CUT_SECONDS", 30.0)
    tasks = [(tmp_path, n) for n in range(5)]
    answers = answers_of(until_asked, tasks, 2, lambda: len(list(tmp_path.iterdir())) == 2)
    assert answers == {0: "best of 0", 1: "best of 1"}


def test_a_task_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    """Nothing delays the end; what was answered before is kept."""
    start = time.monotonic()
    assert answers_of(deaf, [(tmp_path, 0), (tmp_path, 1)], 1, (tmp_path / "1").exists) == {0: 0}
    assert time.monotonic() < start + 30  # of 60 to 120 seconds


def test_one_death_is_survived_and_two_of_one_task_are_not(tmp_path: Path) -> None:
    """A process that is killed costs no task; a task that kills two breaks the harness. Its text is told."""
    assert answers_of(dies, [(str(tmp_path / "once"), 1)], 1, lambda: False) == {0: "done"}
    with pytest.raises(HarnessError, match="died"):
        answers_of(dies, [(str(tmp_path / "twice"), 2)], 1, lambda: False)
    with pytest.raises(HarnessError, match="ArithmeticError: planted"):
        answers_of(raises, [()], 1, lambda: False)
