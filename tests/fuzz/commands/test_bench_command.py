"""`bench`: a table, JSON as the last line, what was slower, and what cannot be asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from percpu_fuzz.fuzz.bench.measure import Measurement
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.commands.tools import bench

Capture = pytest.CaptureFixture[str]


def benched(capsys: Capture, monkeypatch: pytest.MonkeyPatch, cost: float, *more: str) -> tuple[int, str]:
    """The exit status of a bench of one step that takes so much of the yardstick, and what it printed."""
    monkeypatch.setattr("percpu_fuzz.fuzz.bench.measure.yardstick", lambda: None)
    monkeypatch.setattr("percpu_fuzz.fuzz.bench.measure.timed", lambda work: work() or 1.0)

    def step() -> Iterator[Measurement]:
        yield Measurement("step", "small-random, checked", "ns a step", 1e9, lambda: (cost, 100.0))

    monkeypatch.setitem(bench.BENCH_PARTS, "step", (step,))
    capsys.readouterr()
    status = call(["bench", "step", "--rounds", "5", *more])
    return status, capsys.readouterr().out


def test_the_table_says_what_on_which_machine(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor first, then a line a measurement."""
    status, out = benched(capsys, monkeypatch, 2e-6)
    assert status == 0
    assert "CPUs used" in out.splitlines()[0]
    [line] = [line for line in out.splitlines() if line.startswith("step ")]
    assert line.split() == ["step", "small-random,", "checked", "20", "[20,", "20]", "0.0%", "ns", "a", "step"]


@pytest.mark.parametrize(("cost", "status"), [(2e-6, 0), (2.1e-6, 0), (2.4e-6, 1), (1e-6, 0)])
def test_against_an_earlier_bench(
    cost: float, status: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fifth slower is exit status 1 and named; 5% slower, equal or faster is 0."""
    _, out = benched(capsys, monkeypatch, 2e-6, "--json")
    (tmp_path / "then").write_text(out)
    ended, out = benched(capsys, monkeypatch, cost, "--json", "--against", str(tmp_path / "then"))
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert ended == status
    assert found["slower"] == ["step: small-random, checked"] * status
    assert ("SLOWER" in out) == bool(status)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stepp"], "'stepp'"),
        (["--rounds", "4"], "--rounds"),
        (["--against", "gone"], "gone"),
    ],
)
def test_what_cannot_be_asked_for(arguments: list[str], words: str, capsys: Capture) -> None:
    """One line, exit status 2, before anything is measured."""
    assert call(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_every_part_has_measurements() -> None:
    """Each part names what it measures by its own name, and no two by the same."""
    found = [(part, one) for part, makers in bench.BENCH_PARTS.items() for make in makers for one in make()]
    assert {part for part, _ in found} == set(bench.BENCH_PARTS)
    assert all(one.part == part for part, one in found)
    assert len({(one.part, one.name) for _, one in found}) == len(found)
