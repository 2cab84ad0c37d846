"""Code of a user's file runs only when it is typed, whatever a store or a configuration file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.command_line import typed_again
from percpu_fuzz.fuzz.configuration import effective
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.fuzz.store.store import Store


@pytest.fixture
def bomb(tmp_path: Path) -> Path:
    """A file that leaves a mark when it is run."""
    path = tmp_path / "bomb.py"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise KeyboardInterrupt\n")
    return path


def store_of(folder: Path, **given: str) -> Path:
    """The store of a campaign that somebody sent."""
    folder.mkdir()
    store = Store(folder / "campaign.db")
    store.set_meta("given", {"seed": "3", "cases": "10", **given})
    store.set_meta("describe", {"variant": "mine", "seed": 3, "families": {"two-node": 1}})
    store.set_meta("command", "percpu-fuzz run")
    store.close()
    return folder


@pytest.mark.parametrize("name", ["variant", "scheduler"])
def test_a_store_runs_nothing(name: str, bomb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--resume and merge refuse with the option to repeat; no code ran, no folder is left."""
    folder = store_of(tmp_path / "sent", **{name: f"{bomb}:X"})
    for line in (["run", "--resume", str(folder)], ["merge", str(folder), "-o", str(tmp_path / "all")]):
        assert call(line) == 2
        said = capsys.readouterr().err
        assert f"--{name} {bomb}:X typed again" in said
        assert said.count("\n") == 1
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize("name", ["variant", "scheduler"])
@pytest.mark.parametrize("table", ["run", "profile.mine"])
def test_a_configuration_file_runs_nothing(name: str, table: str, bomb: Path, tmp_path: Path) -> None:
    """It is refused with file, table and key, even in a profile that is not chosen."""
    path = tmp_path / "percpu-fuzz.toml"
    path.write_text(f'[{table}]\n{name} = "{bomb}:X"\n')
    with pytest.raises(InputError, match=rf"\[{table}\], {name}: .*only when it is typed"):
        effective({}, path, None)
    assert not (tmp_path / "ran").exists()


def test_what_is_typed_does_run(bomb: Path, tmp_path: Path) -> None:
    """The control: typed, the file is run; and what it raises is bad input, KeyboardInterrupt too."""
    typed_again({"variant": f"{bomb}:X"}, {"variant": f"{bomb}:X"}, "--resume")
    with pytest.raises(InputError, match="raises KeyboardInterrupt"):
        variant_option(f"{bomb}:X")
    assert (tmp_path / "ran").exists()
    assert call(["run", "--scheduler", f"{bomb}:X", "--cases", "10", "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
