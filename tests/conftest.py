"""Hypothesis draws the same examples in every run, keeps none between runs, and has no clock; little memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOM_BYTES = 64 << 20  # that a refusal may take: the largest limit of content that is kept whole is 16 MB

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")


@pytest.fixture
def little_room() -> Iterator[None]:
    """Little more memory than the process has, so that what keeps all of a bomb ends with another status than 2."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    lines = Path("/proc/self/status").read_text().splitlines()
    now = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (now + ROOM_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)
