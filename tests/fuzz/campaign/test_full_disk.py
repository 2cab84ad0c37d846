"""A disk that fills up, and folders that cannot be written: one line, and a store that opens with what fitted."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
import subprocess
from pathlib import Path

import pytest
from places import PERCPU_FUZZ

CAMPAIGN = ("--variant", "fixed", "--topology", "two-node", "--seed", "3", "--workers", "2", "--plain")


def small_files(most: int) -> None:
    """No file of this process may grow beyond so many bytes: what a full disk is to one file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@pytest.mark.usefixtures("compiled")
def test_a_store_that_cannot_grow(tmp_path: Path) -> None:
    """The campaign ends as a broken harness with one line; the store is whole and holds the batches that fitted."""
    out = tmp_path / "out"
    line = [*PERCPU_FUZZ, "run", *CAMPAIGN, "--cases", "400000", "--out", str(out)]
    done = subprocess.run(
        line, capture_output=True, text=True, check=False, timeout=120, preexec_fn=lambda: small_files(300_000)
    )
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]
    assert last.startswith("percpu-fuzz: harness broken: ")
    assert "Traceback" not in done.stderr
    with contextlib.closing(sqlite3.connect(out / "campaign.db")) as connection, connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        held = connection.execute("SELECT count(*) FROM batch").fetchone()[0]
    assert held > 0
    again = [*PERCPU_FUZZ, "run", "--resume", str(out), "--cases", "40000", "--plain"]
    assert subprocess.run(again, capture_output=True, check=False, timeout=120).returncode == 0


def test_a_store_that_may_not_be_written(tmp_path: Path) -> None:
    """A store that is a folder, and an output folder below a file: one line each, exit status 2 or 3, no traceback."""
    (tmp_path / "file").write_text("")
    (tmp_path / "out" / "campaign.db").mkdir(parents=True)
    for arguments, status in (
        (["--out", str(tmp_path / "file" / "out")], 2),
        (["--resume", str(tmp_path / "out")], 2),
    ):
        line = [*PERCPU_FUZZ, "run", "--cases", "1000", "--plain", *arguments]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status
        assert "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith("percpu-fuzz: ")
