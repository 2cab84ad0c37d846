"""The one writer of outputs: whole or not at all, and nothing else is touched for it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from places import PERCPU_FUZZ

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.files import output_file, replacing, write_output, write_whole


def test_names_that_look_temporary_are_left_alone(tmp_path: Path) -> None:
    """x.part, a link that somebody laid there, is neither followed nor removed; nothing else is left in the folder."""
    (tmp_path / "victim").write_text("mine")
    for name in ("x.part", "x.tmp", ".x"):
        (tmp_path / name).symlink_to("victim")
    write_whole(tmp_path / "x", b"new")
    write_output(tmp_path / "x", b"newer", "-o")
    assert (tmp_path / "victim").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".x", "victim", "x", "x.part", "x.tmp"]
    assert (tmp_path / "x").read_bytes() == b"newer"


def test_what_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    """An exception half way: the target is as it was, and no part of the new one is there."""

    def broken_off() -> None:
        with replacing(tmp_path / "x") as file:
            file.write(b"half")
            raise KeyboardInterrupt

    (tmp_path / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("x", "old")]


def test_an_output_follows_a_link_and_a_folders_own_file_does_not(tmp_path: Path) -> None:
    """A typed output is the file that it names; a report's name in a folder from elsewhere may be laid as a trap."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "real").write_text("old")
    (tmp_path / "link").symlink_to("a/real")
    write_output(tmp_path / "link", b"typed", "-o")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a" / "real").read_bytes() == b"typed"
    write_whole(tmp_path / "link", b"report")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "a" / "real").read_bytes() == b"typed"


def test_new_files_have_the_mode_that_the_user_wants(tmp_path: Path) -> None:
    """As any other program would make them, and not readable by the owner alone."""
    old = os.umask(0o027)
    try:
        write_whole(tmp_path / "x", b"")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_pipes_and_devices_are_written_into(tmp_path: Path) -> None:
    """/dev/null stays a device, a pipe takes what is written; control: a block device or folder is refused."""
    before = os.stat("/dev/null")
    write_output(Path("/dev/null"), b"x", "-o")
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (before.st_ino, before.st_rdev) == (after.st_ino, after.st_rdev)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        write_output(pipe, b"through", "-o")
        assert reader.communicate()[0] == b"through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(InputError, match="is there and is no file"):
        write_output(tmp_path, b"", "-o")


def test_what_somebody_has_open_is_written_into(tmp_path: Path) -> None:
    """/dev/fd/N of a file: the same file gets the bytes, since somebody holds it, and not one in its place."""
    with (tmp_path / "held").open("w+b") as held:
        with output_file(Path(f"/dev/fd/{held.fileno()}"), "-o") as file:
            file.write(b"to the holder")
        assert held.read() == b"to the holder"


@pytest.mark.parametrize("name", ["", "/", ".", "none/x", "x" * 300, "a/" + "y" * 300, "loop"])
def test_what_cannot_be_written_names_the_option(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name, no folder, a name too long (relative too), a link in a circle."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=r"^-o: "):
        write_output(Path(name), b"", "-o")
    assert [p.name for p in tmp_path.iterdir()] == ["loop"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_temporary_file(number: signal.Signals, tmp_path: Path) -> None:
    """A conversion that is stopped half way: nothing is left of it; control: its part was there."""
    os.mkfifo(tmp_path / "trace")
    line = [*PERCPU_FUZZ, "convert", str(tmp_path / "trace"), "--to", "perf", "-o", str(tmp_path / "x")]
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True) as process, (tmp_path / "trace").open("wb"):
        until = time.monotonic() + 30
        while len(list(tmp_path.iterdir())) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(number)
        assert process.communicate(timeout=30)[1] == "percpu-fuzz: interrupted\n"
    assert process.returncode == 128 + signal.SIGINT
    assert [p.name for p in tmp_path.iterdir()] == ["trace"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay another user's link")
def test_a_link_that_somebody_laid_where_everybody_may_is_not_followed(tmp_path: Path) -> None:
    """In a folder like /tmp, another user's link decides nothing, whatever the kernel allows. Control: one's own does,
    and another user's in that user's own folder.
    """
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    link, other = tmp_path / "tmp" / "link", 12345
    (tmp_path / "mine").write_text("mine")
    link.symlink_to(tmp_path / "mine")
    os.chown(link, other, other, follow_symlinks=False)
    with pytest.raises(InputError, match="link"):
        write_output(link, b"new", "-o")
    assert (tmp_path / "mine").read_text() == "mine"
    assert [path.name for path in (tmp_path / "tmp").iterdir()] == ["link"]
    os.chown(tmp_path / "tmp", other, other)
    write_output(link, b"theirs", "-o")
    os.chown(tmp_path / "tmp", 0, 0)
    os.chown(link, 0, 0, follow_symlinks=False)
    write_output(link, b"own", "-o")
    assert (tmp_path / "mine").read_text() == "own"
