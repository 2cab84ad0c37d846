"""Machine code that is shipped with the sources: taken where it is for exactly these, else left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from percpu_fuzz.engine.core.compiled import unpack_into


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A folder of machine code for the sources `ours`."""
    (tmp_path / "shipped" / "ours" / "engine").mkdir(parents=True)
    (tmp_path / "shipped" / "ours" / "engine" / "step.nbc").write_bytes(b"code")
    return tmp_path / "shipped"


def test_code_for_these_sources_is_copied(shipped: Path, tmp_path: Path) -> None:
    """It is then where it is looked for, whole; nothing else is left behind."""
    unpack_into(tmp_path / "cache" / "ours", shipped)
    assert (tmp_path / "cache" / "ours" / "engine" / "step.nbc").read_bytes() == b"code"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["ours"]


def test_code_for_other_sources_is_not(shipped: Path, tmp_path: Path) -> None:
    """After an edit, with another numba or with bounds checks the folder has another name. Control: the test above."""
    unpack_into(tmp_path / "cache" / "edited", shipped)
    assert not (tmp_path / "cache").exists()


def test_who_was_faster_is_left_alone(shipped: Path, tmp_path: Path) -> None:
    """A process that finds the folder made meanwhile leaves it as it is."""
    there = tmp_path / "cache" / "ours" / "engine"
    there.mkdir(parents=True)
    (there / "mine.nbc").write_bytes(b"mine")
    unpack_into(tmp_path / "cache" / "ours", shipped)
    assert [path.name for path in there.iterdir()] == ["mine.nbc"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["ours"]


def test_a_cache_that_cannot_be_written_costs_only_time(shipped: Path, tmp_path: Path) -> None:
    """Where the cache should be is a file: nothing is raised, nothing is copied."""
    (tmp_path / "cache").write_bytes(b"")
    unpack_into(tmp_path / "cache" / "ours", shipped)
    assert (tmp_path / "cache").is_file()
