"""Options from a TOML file and from profiles: who overrides whom, and what is refused by name."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.commands.run import in_force
from percpu_fuzz.fuzz.configuration import PROFILES, as_text, described, effective, from_environment
from percpu_fuzz.fuzz.store.reading import read_given


def written(folder: Path, text: str) -> Path:
    path = folder / "percpu-fuzz.toml"
    path.write_text(text)
    return path


FILE = """
[run]
variant = "v1"
seed = 3
hunt = 0.25
[profile.nightly]
time = 10
batch-seconds = 30
[profile.mine]
faults = ["nested-refresh", "killed=0.5"]
learning = false
"""


def test_typed_over_profile_over_file(tmp_path: Path) -> None:
    """Each layer overrides the one below it; a profile of the file overrides the built-in one key by key."""
    path = written(tmp_path, FILE)
    assert effective({}, path, None) == {"variant": "v1", "seed": "3", "hunt": "0.25"}
    nightly = effective({"seed": "9"}, path, "nightly")
    assert nightly == {
        "variant": "v1", "seed": "9", "hunt": "0.25", "time": "10", "batch_seconds": "30", "report": "junit,jsonl",
    }  # fmt: skip
    mine = effective({}, path, "mine")
    assert (mine["faults"], mine["learning"]) == ("nested-refresh,killed=0.5", "off")
    assert effective({}, None, "quick") == PROFILES["quick"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[run]\nvariante = 'v1'\n", "[run]: key 'variante'"),
        ("[run]\nvariante = 'v1'\n", "the nearest is 'variant'"),
        ("[profile.quick]\ntimes = 1\n", "[profile.quick]: key 'times'"),
        ("[run]\nbatch-seconds = 3\nbatch_seconds = 4\n", "[run]: key 'batch_seconds' and the same"),
        ("[runs]\n", "table or key 'runs'"),
        ("run = 3\n", "[run]: 3"),
        ("profile = 3\n", "profile: 3"),
        ("[profile]\nquick = 3\n", "[profile.quick]: 3"),
        ("[run]\ntime = {a = 1}\n", "[run], time: {'a': 1}"),
        ("[run]\ntime = 1979-05-27\n", "[run], time: datetime.date"),
        ("[run\n", "Expected"),
        ("[run]\na = 'x\n", "Expected"),
    ],
)
def test_what_is_refused_is_named(tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line with file, table and key, exit status 2, and no folder is made."""
    path = written(tmp_path, text)
    assert call(["run", "--config", str(path), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.startswith(f"percpu-fuzz: {path}")
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_missing_files_and_profiles_are_refused(tmp_path: Path) -> None:
    """By name; and values are checked as if they were typed."""
    with pytest.raises(InputError, match="No such file"):
        effective({}, tmp_path / "none.toml", None)
    with pytest.raises(InputError, match="'daily'; allowed: nightly, quick, weekend"):
        effective({}, None, "daily")
    assert call(["run", "--config", str(written(tmp_path, "[run]\nhunt = 3\n"))]) == 2


def test_a_run_prints_and_keeps_what_was_in_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The effective configuration is printed as TOML that reads back, stored, and gives the same campaign again."""
    path = written(
        tmp_path, "[run]\nvariant = 'fixed'\ntopology = 'two-node'\n[profile.tiny]\ncases = 1000\nseed = 5\n"
    )
    arguments = ["run", "--config", str(path), "--profile", "tiny", "--workers", "1"]
    assert call([*arguments, "--out", str(tmp_path / "a")]) == 0
    printed = capsys.readouterr().err
    kept = read_given(tmp_path / "a")
    text = described(kept)
    assert text.strip() in printed
    assert tomllib.loads(text)["run"] == kept
    assert kept["variant"] == "fixed"
    again = tmp_path / "again.toml"
    again.write_text(text)
    assert call(["run", "--config", str(again), "--out", str(tmp_path / "b")]) == 0
    assert read_given(tmp_path / "b") == kept


@pytest.mark.parametrize(
    ("value", "text"), [(1e-7, "0.0000001"), (0.7, "0.7"), (2.0, "2"), (8, "8"), (True, "on"), (1e22, "1" + "0" * 22)]
)
def test_a_number_is_what_would_be_typed(value: float, text: str) -> None:
    """No digit is lost, and none is in scientific notation, which options do not take."""
    assert as_text(value, "here") == text


def test_text_is_escaped(tmp_path: Path) -> None:
    """Quotes, backslashes and control characters come back."""
    given = {"topology": 'a"b\\c\n\x01'}
    assert tomllib.loads(described(given))["run"] == given


def test_a_file_that_lies_here_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both are taken and said, typed over variables over the file; none with --config none, nor by what is resumed."""
    written(tmp_path, "[run]\nseed = 3\nhunt = 0.25\nworkers = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERCPU_FUZZ_HUNT", "0.75")
    assert in_force({"workers": "2"}) == {"seed": "3", "hunt": "0.75", "workers": "2"}
    said = capsys.readouterr().err
    assert "options of ./percpu-fuzz.toml" in said
    assert "PERCPU_FUZZ_HUNT=0.75" in said
    assert in_force({"config": "none"}) == {"hunt": "0.75", "config": "none"}
    assert in_force({"resume": "out", "config": "none"}) == {"resume": "out", "config": "none"}
    assert in_force({"resume": "here"}) == {"resume": "here"}
    capsys.readouterr()


def test_a_variable_names_no_code() -> None:
    """Code is run only when it is typed. Control: a name of the project's own is taken; other variables are let be."""
    with pytest.raises(InputError, match=r"^PERCPU_FUZZ_VARIANT: 'mine\.py:V'; allowed: a name"):
        from_environment({"PERCPU_FUZZ_VARIANT": "mine.py:V"})
    assert from_environment({"PERCPU_FUZZ_VARIANT": "v1", "PERCPU_FUZZ_CACHE": "x"}) == {"variant": "v1"}
