"""The table of `run`'s options: of which kind each is, and that a refusal names it."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.command_line import resumed, run_options, whole_of
from percpu_fuzz.fuzz.settings import DRAWN, MACHINE, PLACE, SETTINGS, STORED

KINDS = {
    DRAWN: {
        "variant", "topology", "cases", "time", "seed", "hunt", "scheduler", "faults", "calibration", "learning",
        "shard", "stop", "explored", "families", "weights",
    },
    MACHINE: {"workers", "batch_seconds", "compile", "worker_memory", "report", "log_level", "start_method"},
    PLACE: {"log", "cluster", "out", "resume", "force", "config", "profile", "plain", "full", "quiet", "verbose",
            "json"},
}  # fmt: skip
PLACES = {
    "variant": ("v2", "mine.py:mine"), "scheduler": ("pct", "mine.py:Walk"), "topology": ("two-node", "machine.json"),
    "calibration": ("recorded", "mine.json"), "explored": (None, "out/explored"),
    "weights": ("one-node=1,two-node=3", "mine.txt"),
}  # fmt: skip


def test_each_option_is_of_one_kind() -> None:
    """Of every option it is said whether it is drawn, of the machine or a place."""
    assert {kind: {name for name, row in SETTINGS.items() if row.kind is kind} for kind in KINDS} == KINDS


def test_drawn_options_that_take_files_are_places_then() -> None:
    """A name of the project's own is drawn, a file or code of one is a place. Control: no other option changes kind."""
    for name, row in SETTINGS.items():
        own, place = PLACES.get(name, ("1", None))
        assert own is None or row.kind_of(own) is row.kind, name
        assert row.kind_of(place or "a/file.py:NAME") is (PLACE if place else row.kind), name


@pytest.mark.parametrize("name", [name for name, row in SETTINGS.items() if not row.switch])
def test_a_refusal_names_its_option(name: str) -> None:
    """What none of the options takes is refused by the flag that it stands behind."""
    with pytest.raises(InputError, match=f"^{SETTINGS[name].flag}: "):
        run_options({name: {"faults": "none,some", "report": "?"}.get(name, " ")})


def test_a_store_says_nothing_of_what_must_be_typed() -> None:
    """Neither a resumed campaign nor a merged one takes an option from a store that no store is to hold, or none is."""
    given = {"seed": "1", "out": "elsewhere", "force": "on", "config": "theirs.toml", "colour": "red"}
    assert resumed(given, {"resume": "here"}) == {"seed": "1", "resume": "here"}
    assert whole_of({**given, "cases": "5", "shard": "1/2"}) == {"seed": "1", "learning": "off"}
    assert set(STORED) == set(SETTINGS) - {
        "out",
        "resume",
        "force",
        "config",
        "profile",
        "plain",
        "full",
        "quiet",
        "verbose",
        "json",
    }
