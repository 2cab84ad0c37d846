"""The table of `run`'s options: of which kind each is, and that a refusal names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.command_line import resumed, run_options, whole_of
from percpu_fuzz.fuzz.configuration import effective
from percpu_fuzz.fuzz.settings import DRAWN, MACHINE, PLACE, SETTINGS, STORED

KINDS = {
    DRAWN: {
        "variant", "topology", "cases", "time", "seed", "hunt", "scheduler", "faults", "calibration", "learning",
        "shard", "stop", "explored", "families", "weights", "waste_only",
    },
    MACHINE: {"workers", "batch_seconds", "worker_memory", "report", "log_level", "start_method", "compile"},
    PLACE: {"log", "cluster", "out", "resume", "force", "config", "profile", "plain", "plain_engine", "full", "quiet",
            "verbose", "json"},
}  # fmt: skip


def test_each_option_is_of_one_kind() -> None:
    """Of every option it is said whether it is drawn, of the machine or a place."""
    assert {kind: {name for name, row in SETTINGS.items() if row.kind is kind} for kind in KINDS} == KINDS


def test_drawn_options_that_take_code_are_places_then() -> None:
    """A name of the project's own is drawn, code of a file is a place. Control: no other option changes kind."""
    for name, row in SETTINGS.items():
        assert row.kind_of("v2") is row.kind, name
        assert row.kind_of("a/file.py:NAME") is (PLACE if name in ("variant", "scheduler") else row.kind), name


@pytest.mark.parametrize("name", [name for name, row in SETTINGS.items() if not row.switch])
def test_a_refusal_names_its_option(name: str) -> None:
    """What none of the options takes is refused by the flag that it stands behind."""
    with pytest.raises(InputError, match=f"^{SETTINGS[name].flag}: "):
        run_options({name: {"faults": "none,some", "report": "?"}.get(name, " ")})


def test_a_store_says_what_was_drawn_and_nothing_else() -> None:
    """Neither a resumed campaign nor a merged one takes from a store how this machine runs it, or what is no option."""
    given = {"seed": "1", "workers": "512", "worker_memory": "1G", "start_method": "spawn", "colour": "red"}
    assert resumed(given, {"resume": "here"}) == {"seed": "1", "resume": "here"}
    assert whole_of({**given, "cases": "5", "shard": "1/2"}) == {"seed": "1", "learning": "off"}


@pytest.mark.parametrize("name", [name for name, row in SETTINGS.items() if row.kind is PLACE])
def test_a_place_is_typed(name: str, tmp_path: Path) -> None:
    """A store or a configuration file that says where something goes is refused with the flag. Control: typed."""
    with pytest.raises(
        InputError, match=f"--resume: the store names 'x' as its {name}; allowed: {SETTINGS[name].flag} x"
    ):
        resumed({"seed": "1", name: "x"}, {})
    assert resumed({"seed": "1", name: "x"}, {name: "y"}) == {"seed": "1", name: "y"}
    path = tmp_path / "percpu-fuzz.toml"
    path.write_text(f'[run]\n{name} = "x"\n')
    with pytest.raises(InputError, match=rf"\[run\]: key '{name}'; allowed: {SETTINGS[name].flag} typed"):
        effective({}, path, None)
    assert name not in STORED
