"""Hypothesis draws the same examples in every run, keeps none between runs, and has no clock; little memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from percpu_fuzz.fuzz.shrink.attempt import load
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan

ROOM_BYTES = 64 << 20  # that a refusal may take: the largest limit of content that is kept whole is 16 MB

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def compiled() -> None:
    """Machine code of class small is in the cache: for tests whose processes have no time to compile."""
    machine = preset("two-node")
    Batches(make_plan("v2", 1, machine)).warm()
    load(machine)


@pytest.fixture
def little_room() -> Iterator[None]:
    """Little more memory than the process has, so that what keeps all of a bomb ends with another status than 2."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    lines = Path("/proc/self/status").read_text().splitlines()
    now = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (now + ROOM_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)
