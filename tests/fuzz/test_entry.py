"""The start of the script: where machine code is kept, and what is imported from where one stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from percpu_fuzz.fuzz import entry


def test_an_installed_project_keeps_machine_code_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the user's cache folder, unless the variable names another; a checkout keeps to its own."""
    monkeypatch.delenv("PERCPU_FUZZ_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    entry.keep_cache_of_the_user()
    assert "PERCPU_FUZZ_CACHE" not in entry.os.environ
    monkeypatch.setattr(entry, "__file__", str(tmp_path / "site-packages" / "percpu_fuzz" / "fuzz" / "entry.py"))
    monkeypatch.setenv("PERCPU_FUZZ_CACHE", "mine")
    entry.keep_cache_of_the_user()
    assert entry.os.environ["PERCPU_FUZZ_CACHE"] == "mine"
    monkeypatch.delenv("PERCPU_FUZZ_CACHE")
    entry.keep_cache_of_the_user()
    assert entry.os.environ["PERCPU_FUZZ_CACHE"] == str(tmp_path / "cache" / "percpu-fuzz")
    monkeypatch.delenv("PERCPU_FUZZ_CACHE")


SCRIPT = "import sys; sys.path[:1] = []; from percpu_fuzz.fuzz.entry import main; main()"


def test_nothing_is_imported_from_the_current_folder(tmp_path: Path) -> None:
    """Workers that start from nothing take no module of a folder that was sent. Control: Python by itself does."""
    (tmp_path / "multiprocessing.py").write_text("open('ran', 'w').close()\n")
    line = ["run", "--topology", "two-node", "--variant", "fixed", "--cases", "1", "--start-method", "spawn", "--plain"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    script = [sys.executable, "-c", SCRIPT, *line, "--workers", "1", "--seed", "1", "--out", "out"]
    done = subprocess.run(script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 4), done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["multiprocessing.py", "out"]
    subprocess.run([sys.executable, "-c", "import multiprocessing"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "ran").exists()
