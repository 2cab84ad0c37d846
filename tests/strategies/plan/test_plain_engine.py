"""Batches that are run within plain_engine: the same outcomes, and nothing is compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.own.engines import entry_of, plain_engine
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.command_line import run_options
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.run.cases import run_cases

ONE_BATCH = """
from dataclasses import replace
from percpu_fuzz.engine.own.engines import plain_engine
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan
batches = Batches(make_plan("v2", 1))
with plain_engine({plain}):
    print(batches.run(replace(batches.batch_of("hunting", 0), cases=2)).cases)
"""


@pytest.mark.parametrize("stream", STREAMS)
def test_outcomes_are_those_of_compiled_code(stream: str) -> None:
    """Eight cases of each stream; afterwards entries are compiled again."""
    plan = Plan(VARIANTS["v2"], 7, families()[:1])
    with plain_engine(True):
        plain = [Batches(plan).run(replace(plan.batch_of(stream, k), cases=4)) for k in (0, 1)]
    assert plain == [Batches(plan).run(replace(plan.batch_of(stream, k), cases=4)) for k in (0, 1)]
    assert entry_of(plan.variant, run_cases) is run_cases


def test_nothing_is_compiled(tmp_path: Path) -> None:
    """A process with an empty cache runs a batch and leaves no machine code."""
    environment = {**os.environ, "PERCPU_FUZZ_CACHE": str(tmp_path)}
    line = [sys.executable, "-c", ONE_BATCH.format(plain=True)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"
    assert not list(tmp_path.rglob("*.nbc"))


@pytest.mark.parametrize("other", [{"cluster": "tcp://127.0.0.1:8786"}, {"start_method": "spawn"}])
def test_workers_that_are_not_forked_are_refused(other: dict[str, str]) -> None:
    """They would compile. Control: forked ones are taken."""
    with pytest.raises(InputError, match=r"^--plain-engine: with workers that are not forked"):
        run_options({"cases": "1", "plain_engine": "on", **other})
    assert run_options({"cases": "1", "plain_engine": "on"}).plain_engine
