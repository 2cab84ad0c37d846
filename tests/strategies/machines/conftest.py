"""Where the samples of machine formats are."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import DATA


@pytest.fixture(scope="session")
def machines() -> Path:
    """The folder of samples; its README says where they come from."""
    return DATA / "machines"
