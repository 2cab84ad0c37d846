"""Where the samples of machine formats are."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def machines() -> Path:
    """The folder of samples; its README says where they come from."""
    return Path(__file__).resolve().parents[2] / "data" / "machines"
