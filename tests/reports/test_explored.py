"""What an exploration completed, in words."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.reports.figures.certificate import certificate_line
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.explored import explored_page

SCOPE: dict[str, Any] = {
    "name": "pair", "words": "two tasks allocate", "machine": "two-node", "nodes": 2, "cpus": 2, "page_size": 4096,
    "programs": 1, "programs_complete": 1,
}  # fmt: skip
ROW: dict[str, Any] = {
    "schema": 1, "variant": "v2", "complete": True, "stopped": "", "interrupted": False, "states": 2000,
    "terminal_states": 2, "stuck": 0, "transitions": 5000, "probes": 0, "deepest": 90, "reduction": "hash",
    "max_states": 10, "seconds": 0.5, "collision_probability": 5.9e-33, "scope": SCOPE, "violations": [], "exit": 0,
}  # fmt: skip


def explored_words(row: dict[str, Any]) -> str:
    """The page as text, its line breaks and indents as single blanks."""
    return " ".join(page_text(explored_page(row)).split())


BROKEN = {"invariant": "I18", "steps": 32, "shortest": True, "terminal_states": 7, "finding": "findings/001.json"}


def test_a_complete_scope() -> None:
    """It says that it is complete, what was counted, the chance of a collision, and that nothing broke."""
    text = explored_words(ROW)
    assert "Complete: every interleaving" in text
    for words in (
        "states 2,000; 2 of them terminal",
        "steps 5,000 taken; longest run 90",
        "0.50: 4,000 states a second",
    ):
        assert words in text
    assert "at most 5.9e-33 (birthday bound)" in text
    assert "No invariant was broken" in text
    assert "no interleaving breaks an invariant, among 2000 states" in certificate_line(ROW)


def test_a_part_is_called_a_part() -> None:
    """An exploration that was cut short claims nothing about the whole, in no place."""
    cut = ROW | {"complete": False, "stopped": "time", "scope": SCOPE | {"programs": 9}}
    text = explored_words(cut)
    assert "NOT complete: the time budget ended; 1 of 9 programs are complete" in text
    assert "Complete:" not in text
    assert certificate_line(cut).startswith("Not completed")


def test_violations_and_deadlocks_are_named() -> None:
    """Each broken invariant with its steps, whether a shorter run may exist, and its finding."""
    text = explored_words(ROW | {"violations": [BROKEN], "stuck": 3, "reduction": "shortest"})
    assert "I18 32 7 findings/001.json" in text
    assert "no run is shorter" in text
    assert "Broken: I18." in text
    assert "3 terminal states are deadlocks" in text
    assert "I18 can be broken" in certificate_line(ROW | {"violations": [BROKEN]})
    longer = explored_words(ROW | {"violations": [BROKEN | {"shortest": False}]})
    assert "shorter runs may exist" in longer
    assert "no run is shorter" not in longer
    assert explored_page(ROW | {"stuck": 3}).violated
    assert not explored_page(ROW).violated


def test_only_stored_states_can_share_a_hash() -> None:
    """Without a store of states no hash is looked up, and no probability of a collision is told."""
    assert "birthday bound" in explored_words(ROW | {"reduction": "both"})
    for reduction in ("none", "sleep"):
        assert "birthday bound" not in explored_words(ROW | {"reduction": reduction})
