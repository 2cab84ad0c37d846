"""Where the recorded data is: the small part in the repository, the whole of it beside the repository if present."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import DATA, SHARED


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of the recorded data that the repository holds."""
    return DATA / "recorded"


@pytest.fixture(scope="session")
def kernel_runs() -> Path:
    """The folder of all recorded runs; a test that needs it is skipped where it is missing."""
    folder = SHARED / "kernel-runs"
    if not folder.is_dir():
        pytest.skip("../shared/kernel-runs is missing: the large recorded runs are not part of the repository")
    return folder
