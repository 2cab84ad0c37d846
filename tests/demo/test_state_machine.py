"""A demonstration: Hypothesis's state machine drives the engine itself, step by step, and looks at it in between.

What it can do stands in fuzz/bench/state_machine.py; the same machine with another variant finds what is wrong with
that. `percpu-fuzz bench bug` measures how long it takes.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.bench.state_machine import Accounting


class SecondVersion(Accounting):
    """The same rules on the series as posted."""

    variant = VARIANTS["v2"]


class Shortfall(SecondVersion):
    """The same, of which only the shortfall of v1 is asked, which v2 does not have."""

    wanted = frozenset({"I1"})


def few(examples: int) -> Any:
    return settings(
        max_examples=examples, stateful_step_count=30, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@pytest.mark.parametrize("machine", [Accounting, Shortfall])
def test_what_holds_survives_the_machine(machine: type[Accounting]) -> None:
    """Nothing is broken on fixed, and nothing that is asked on v2, in whatever order operations and steps come."""
    run_state_machine_as_test(machine, settings=few(40))


def test_v2_does_not() -> None:
    """The control: on v2 the same machine comes upon bytes that are left over after an rmdir."""
    with pytest.raises(AssertionError, match=r"I8|I9|I12|I18"):
        run_state_machine_as_test(SecondVersion, settings=settings(few(300), phases=[Phase.generate]))
