"""What is compiled before the first run, and what is said when a command compiles something itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from numba.core.caching import FunctionCache

from percpu_fuzz.engine.core.compile_listeners import LISTENERS, tell
from percpu_fuzz.engine.core.compiled import functions_below
from percpu_fuzz.engine.core.linking import EntryCache
from percpu_fuzz.fuzz.cli import announcing
from percpu_fuzz.fuzz.errors import BROKEN
from percpu_fuzz.fuzz.warm import COMPILED, SIDE_BY_SIDE, Entries, load_in_turn, warm


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
    """A cache in which everybody may write: status and line say so, the process's own words are on standard error."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("PERCPU_FUZZ_CACHE", str(tmp_path / "open"))
    said: list[str] = []
    assert warm(["trace"], said.append) == BROKEN
    assert said == ["engine for trace not compiled: exit code 1"]
    assert "PermissionError" in capfd.readouterr().err


def test_code_that_cannot_be_kept_is_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk: what is compiled runs all the same; who compiles in order to keep it ends with status 1."""

    def full(*_arguments: Any) -> None:
        raise OSError(28, "No space left on device", "folder")

    def load() -> None:
        for _ in range(2):
            object.__new__(EntryCache).save_overload(None, None)

    monkeypatch.setattr(FunctionCache, "save_overload", full)
    monkeypatch.setattr("percpu_fuzz.engine.core.marked_file.UNKEPT", unkept := list[str]())
    monkeypatch.setattr("percpu_fuzz.fuzz.warm.UNKEPT", unkept)
    monkeypatch.setitem(COMPILED, "trace", Entries(load, ()))
    monkeypatch.setattr("percpu_fuzz.fuzz.warm.LISTENERS", [])
    with pytest.raises(SystemExit) as ended:
        load_in_turn(["trace"], [0], 0)
    assert ended.value.code == 1
    words = "percpu-fuzz: what is compiled is not kept: [Errno 28] No space left on device: 'folder'\n"
    assert capsys.readouterr() == ("", words)


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
