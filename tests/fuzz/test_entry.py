"""The start of the script: where machine code is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

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
