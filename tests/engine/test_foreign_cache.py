"""Whose folder a cache of machine code may be: what lies in it is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tiny_tree import TinyTree

from percpu_fuzz.engine.core.marked_file import who_else_writes


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A checkout of one's own."""
    (tmp_path / "sources").mkdir()
    return tmp_path / "sources"


def test_ones_own_folders_are_used(sources: Path, tmp_path: Path) -> None:
    """There or not, in a sticky folder like /tmp, or beside the sources, whatever the mode of those."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    sources.chmod(0o777)
    for folder in (tmp_path, tmp_path / "a" / "b", shared / "mine", sources / ".cache"):
        assert who_else_writes(folder, sources) == ""


def test_what_everybody_may_write_is_not(sources: Path, tmp_path: Path) -> None:
    """The folder itself, even if it is sticky; one above it that is not; and what a link leads to."""
    for mode, name in ((0o1777, "sticky"), (0o777, "open"), (0o777, "open/mine")):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o755 if name == "open/mine" else mode)
        assert "everybody may write in" in who_else_writes(tmp_path / name, sources)
    (tmp_path / "link").symlink_to("open/mine")
    assert "everybody may write in" in who_else_writes(tmp_path / "link", sources)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_what_is_anothers_is_not(sources: Path, tmp_path: Path) -> None:
    """A folder, and a link, that another user made. Control: the owner of the sources is no other."""
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)
    (tmp_path / "link").symlink_to("mine")
    os.chown(tmp_path / "link", 12345, 12345, follow_symlinks=False)
    for name in ("theirs", "theirs/mine", "link"):
        assert who_else_writes(tmp_path / name, sources).endswith("belongs to user 12345")
    os.chown(sources, 12345, 12345)
    assert who_else_writes(tmp_path / "theirs", sources) == ""


def test_nothing_is_run_from_it(tmp_path: Path) -> None:
    """Also where the package is used without its command line: the compiler does not come to look there."""
    tree = TinyTree(tmp_path / "tree")
    entry = (
        "from percpu_fuzz.engine.core.compiled import compiled_entry\n\n@compiled_entry\ndef entry(x):\n    return x\n"
    )
    tree.write("strategies/entry.py", entry)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    run = "from percpu_fuzz.strategies.entry import entry; print(entry(2))"
    said = tree.run(run, PERCPU_FUZZ_CACHE=str(tmp_path / "open"))
    assert said.startswith("PermissionError: the cache of machine code")
    assert list((tmp_path / "open").iterdir()) == []
    assert tree.run(run, PERCPU_FUZZ_CACHE=str(tmp_path / "mine")) == "2"
