"""What is compiled before the first run, and what is said when a command compiles something itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from percpu_fuzz.engine.core.compile_listeners import LISTENERS, tell
from percpu_fuzz.engine.core.compiled import functions_below
from percpu_fuzz.fuzz.cli import announcing
from percpu_fuzz.fuzz.errors import BROKEN
from percpu_fuzz.fuzz.warm import COMPILED, SIDE_BY_SIDE, load_in_turn, warm


def test_a_part_is_there_afterwards() -> None:
    """Status 0 and one line; a second time nothing is compiled, in a process of its own or in this one."""
    said: list[str] = []
    assert warm(["explore"], said.append) == 0
    assert warm(["explore"], said.append) == 0
    assert [line.partition(" in ")[0] for line in said[1:]] == ["engine for explore found"]
    counts = [0]
    listening = list(LISTENERS)
    load_in_turn(["explore"], counts, 0)
    del LISTENERS[len(listening) :]
    assert counts == [0]


def test_a_process_that_fails_is_a_broken_harness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A cache that cannot be made: the status and a line say so, the process's own words stand on standard error."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PERCPU_FUZZ_CACHE", str(tmp_path / "file" / "cache"))
    said: list[str] = []
    assert warm(["trace"], said.append) == BROKEN
    assert said == ["engine for trace not compiled: exit code 1"]
    assert "NotADirectoryError" in capfd.readouterr().err


def test_every_part_is_loaded_somewhere_and_counted() -> None:
    """A part is in one row of processes, and its entries reach the step."""
    assert sorted(name for row in SIDE_BY_SIDE for name in row) == sorted(COMPILED)
    for part in COMPILED.values():
        found = functions_below(part.entries)
        assert {"step", "po_refund"} <= found
        assert len(found) > 250


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explore", "--list"], "the exhaustive search"),
        (["hooks", "x"], "what `hooks` runs of the engine"),
        (["warm"], None),
    ],
)
def test_a_command_that_compiles_says_so_once(
    arguments: list[str], said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error at the first function; `warm` says more itself."""
    with announcing(arguments):
        tell("step")
        tell("goto")
    tell("after the command")
    line = f"percpu-fuzz: compiling {said}, once for this code: half a minute to two minutes\n"
    assert capsys.readouterr() == ("", "" if said is None else line)
