"""Hypothesis's shrinker behind the own one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.program import Program
from engine.scenario import Finding, Scenario, load_finding
from engine.variant import VARIANTS
from fuzz.shrink import bridge
from fuzz.shrink.attempt import Attempt, Gate
from fuzz.shrink.bridge import numbers_of, polished, with_numbers
from fuzz.shrink.shrinker import shrink
from strategies.plan import make_plan

SHORTFALL = Path(__file__).parent.parent / "data" / "findings" / "v1-shortfall.json"


def bloated() -> tuple[Gate, Attempt]:
    """The shortfall of v1 with numbers that need not be so large."""
    finding = load_finding(SHORTFALL.read_bytes(), "shortfall")
    program = finding.scenario.program
    op = replace(program.tasks[0].ops[0], size_bytes=2048, slot=7, value=0)
    tasks = (replace(program.tasks[0], ops=(op,)),)
    memcgs = (replace(program.memcgs[0], user_pages=9, max_pages=5000),)
    gate = Gate(VARIANTS["v1"], "I1")
    attempt = gate.attempt(Scenario(finding.scenario.topology, replace(program, tasks=tasks, memcgs=memcgs)))
    assert attempt is not None
    return gate, attempt


def test_numbers_go_there_and_back() -> None:
    """A program is its own numbers; other numbers give another program of the same form."""
    program: Program = bloated()[1].scenario.program
    assert with_numbers(program, numbers_of(program)) == program
    assert with_numbers(program, [0] * len(numbers_of(program))).tasks[0].ops[0].size_bytes == 0


def test_hypothesis_does_shrink() -> None:
    """Its inner names are where they are expected: needless numbers become 0, needed ones stay."""
    gate, attempt = bloated()
    best = polished(gate, attempt)
    program = best.scenario.program
    assert best.size < attempt.size
    assert program.tasks[0].ops[0].slot == 0
    assert program.memcgs[0].user_pages == 0
    assert program.tasks[0].ops[0].size_bytes == 2048


def test_moved_names_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the inner names are gone the attempt comes back as it was."""

    def gone(*_: object) -> None:
        raise ImportError("moved")

    gate, attempt = bloated()
    monkeypatch.setattr(bridge, "_find", gone)
    assert polished(gate, attempt) is attempt


@pytest.mark.parametrize("invariant", ["I18", "I8"])
def test_it_never_makes_a_finding_larger(invariant: str) -> None:
    """After the own shrinker the result is as small or smaller, and breaks the same invariant."""
    plan = make_plan("v2", 1)
    for k in range(12):
        outcome = plan.batch("hunting", k)
        wanted = sorted(s for s in outcome.violations if s.invariant == invariant)
        if wanted:
            break
    finding: Finding = plan.finding("hunting", k, outcome.first_cases[wanted[0]][0], wanted[0])
    own = shrink(finding, plan.variant)
    assert own is not None
    gate = Gate(plan.variant, invariant)
    both = polished(gate, own.attempt)
    assert both.size <= own.attempt.size
    assert gate.attempt(both.scenario) is not None
