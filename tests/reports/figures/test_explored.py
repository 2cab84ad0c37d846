"""What an exploration completed, in words."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.reports.figures.explored import certificate_line, explored_text

SCOPE: dict[str, Any] = {
    "name": "pair", "words": "two tasks allocate", "machine": "two-node", "nodes": 2, "cpus": 2, "page_size": 4096,
    "programs": 1, "programs_complete": 1,
}  # fmt: skip
ROW: dict[str, Any] = {
    "schema": 1, "variant": "v2", "complete": True, "stopped": "", "interrupted": False, "states": 2000,
    "terminal_states": 2, "stuck": 0, "transitions": 5000, "probes": 0, "deepest": 90, "reduction": "hash",
    "max_states": 10, "seconds": 0.5, "collision_probability": 5.9e-33, "scope": SCOPE, "violations": [], "exit": 0,
}  # fmt: skip
BROKEN = {"invariant": "I18", "steps": 32, "shortest": True, "terminal_states": 7, "finding": "findings/001.json"}


def test_a_complete_scope() -> None:
    """It says that it is complete, what was counted, the chance of a collision, and that nothing broke."""
    text = " ".join(explored_text(ROW).split())
    assert "Complete: every interleaving" in text
    assert "2000 states, 2 of them terminal; 5000 steps taken; longest run 90 steps; 0.50 s, 4000 states" in text
    assert "at most 5.9e-33 (birthday bound)" in text
    assert "No invariant was broken" in text
    assert "no interleaving breaks an invariant, among 2000 states" in certificate_line(ROW)


def test_a_part_is_called_a_part() -> None:
    """An exploration that was cut short claims nothing about the whole, in no place."""
    cut = ROW | {"complete": False, "stopped": "time", "scope": SCOPE | {"programs": 9}}
    text = " ".join(explored_text(cut).split())
    assert "NOT complete: the time budget ended; 1 of 9 programs are complete" in text
    assert "Complete:" not in text
    assert certificate_line(cut).startswith("Not completed")


def test_violations_and_deadlocks_are_named() -> None:
    """Each broken invariant with its steps, whether a shorter run may exist, and its finding."""
    text = " ".join(explored_text(ROW | {"violations": [BROKEN], "stuck": 3}).split())
    assert "I18 is broken after 32 steps (no run is shorter)" in text
    assert "findings/001.json" in text
    assert "3 terminal states are deadlocks" in text
    assert "I18 can be broken" in certificate_line(ROW | {"violations": [BROKEN]})
    longer = explored_text(ROW | {"violations": [BROKEN | {"shortest": False}]})
    assert "shorter runs may exist" in " ".join(longer.split())
