"""Output folders: one process at a time, and only what it made itself is taken away again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.output.folder import LOCK, Lock, check_own, new_folder

CLAIM = """
import os, sys
from pathlib import Path
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.output.folder import new_folder
out, refused = Path(sys.argv[1]), sys.argv[2] == "refused"
try:
    with new_folder(out, "--out"):
        (out / "campaign.db").write_text(str(os.getpid()))
        print("mine", flush=True)
        sys.stdin.readline()
        if refused:
            raise InputError("x", "y", "z")
except InputError as error:
    print(error, flush=True)
"""


def claimed(out: Path, how: str = "kept") -> subprocess.Popen[str]:
    """A process that claims a folder, writes a store there and waits for a line."""
    line = [sys.executable, "-c", CLAIM, str(out), how]
    return subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def ended(out: Path, name: str, error: Exception) -> None:
    """Claim a folder, write a file there and end like that."""
    with new_folder(out, "--out"):
        (out / name).touch()
        raise error


def test_the_second_one_is_refused_and_takes_nothing_away(tmp_path: Path) -> None:
    """While one works in a folder another is told so, and what is there stays; control: afterwards it is not empty."""
    out = tmp_path / "deep" / "out"
    with claimed(out) as first:
        assert told(first) == "mine\n"
        with claimed(out) as second:
            assert "another process holds it" in told(second)
        assert (out / "campaign.db").read_text() == str(first.pid)
        first.communicate("go\n")
    assert [p.name for p in out.iterdir()] == ["campaign.db"]
    with claimed(out) as third:
        assert "is not empty" in told(third)
    assert [p.name for p in out.iterdir()] == ["campaign.db"]


def test_a_refusal_leaves_no_folder(tmp_path: Path) -> None:
    """Neither the store nor the folders that were made for it; one that was there stays, with what others put there."""
    (tmp_path / "old").mkdir()
    for out in (tmp_path / "deep" / "er" / "out", tmp_path / "old"):
        with claimed(out, "refused") as process:
            assert told(process) == "mine\n"
            process.communicate("go\n")
    assert [p.name for p in tmp_path.iterdir()] == ["old"]
    assert list((tmp_path / "old").iterdir()) == []
    with pytest.raises(InputError):
        ended(tmp_path / "old", "notes.txt", InputError("x", "y", "z"))
    assert [p.name for p in (tmp_path / "old").iterdir()] == ["notes.txt"]


def test_an_end_before_anything_was_made_leaves_no_folder(tmp_path: Path) -> None:
    """Whatever ends it, an empty folder goes again; control: with a file in it, it stays."""
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "a" / "b", "--out"):
        raise KeyboardInterrupt
    with pytest.raises(OSError, match="full"):
        ended(tmp_path / "c", "campaign.db", OSError("full"))
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_folder_whose_holder_was_killed_is_free(tmp_path: Path) -> None:
    """The lock ends with its process; a folder that holds nothing but it counts as empty."""
    with claimed(tmp_path / "out") as process:
        assert told(process) == "mine\n"
        os.kill(process.pid, signal.SIGKILL)
    (tmp_path / "out" / "campaign.db").unlink()
    assert (tmp_path / "out" / LOCK).exists()
    with new_folder(tmp_path / "out", "--out"):
        pass


@pytest.mark.parametrize("name", ["x" * 300, "a/b/" + "x" * 300, "file/out"])
def test_what_cannot_be_made_leaves_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name too long, below a file: one line with the option, and no folder above it stays."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^--out: "), new_folder(Path(name), "--out"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["campaign.db", "campaign.db-wal", "campaign.lock", "campaign.log", "findings"])
def test_links_in_a_folder_from_elsewhere(name: str, tmp_path: Path) -> None:
    """What a session would write through a link lands nowhere: the folder is refused, the lock too."""
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="a link"):
        check_own(tmp_path / "sent")
    if name == LOCK:
        with pytest.raises(OSError, match="symbolic"):
            Lock(tmp_path / "sent")
    assert not (tmp_path / "elsewhere").exists()
