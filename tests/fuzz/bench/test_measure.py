"""Rounds in turn, medians with intervals, noise, two speeds; and what of an earlier bench is slower."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.bench.comparing import compared, earlier_bench
from percpu_fuzz.fuzz.bench.measure import Measurement, middle, noise_of, rounds, row_of, two_speeds


def row(relative: float, noise: float, name: str = "a") -> dict[str, Any]:
    return {"part": "step", "name": name, "relative": relative, "noise": noise}


def test_measurements_take_turns() -> None:
    """Each is made ready and tried once, then runs once a round; its figure is seconds a unit, times scale."""
    done: list[str] = []

    def measurement(name: str) -> Measurement:
        def run() -> tuple[float, float]:
            done.append(name)
            return 2.0, 4.0

        return Measurement("step", name, "ms", 1e3, run, lambda: done.append(f"{name} ready"))

    both = [measurement("a"), measurement("b")]
    rounds(both, 3, lambda _done, _words: None)
    assert done == ["a ready", "a", "b ready", "b", *["a", "b"] * 3]
    assert [one.values for one in both] == [[500.0] * 3] * 2
    assert all(len(one.yards) == 3 and min(one.yards) > 0 for one in both)
    assert row_of(both[0])["median"] == 500.0


def test_the_interval_of_a_median() -> None:
    """Of 15 rounds the 4th and the 12th; of five the whole range."""
    assert middle([float(n) for n in range(1, 16)]) == (8.0, 4.0, 12.0)
    assert middle([5.0, 1.0, 3.0, 2.0, 4.0]) == (3.0, 1.0, 5.0)


def test_noise_is_that_of_a_median() -> None:
    """Of 15 normal values with a deviation of 5%, 95% of medians lie within the noise of the middle, about.

    2,000 medians with noises that are estimated from 15 values each: between 85 and 98% (seen: 92%).
    """
    rng = random.Random(1)
    samples = [[rng.gauss(1.0, 0.05) for _ in range(15)] for _ in range(2000)]
    within = sum(abs(middle(values)[0] - 1.0) <= noise_of(values) for values in samples)
    assert 0.85 < within / 2000 < 0.98
    assert noise_of([1.0] * 15) == 0.0


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1.0, 1.01, 1.02, 1.5, 1.51, 1.52], (1.01, 1.51)),
        ([1.0, 1.01, 1.02, 1.03, 1.04, 1.5], None),  # one slow round is no second speed
        ([1.0, 1.1, 1.2, 1.3, 1.4, 1.5], None),  # a slope is no heap
        ([1.0, 1.01, 1.02, 1.05, 1.06, 1.07], None),  # 5% apart is one speed
        ([1.0], None),
    ],
)
def test_two_speeds_are_two_heaps(values: list[float], found: tuple[float, float] | None) -> None:
    """Each with a quarter of the rounds, further apart than wide, 8% apart."""
    assert two_speeds(values) == found


@pytest.mark.parametrize(
    ("now", "noise", "slower"),
    [(1.2, 0.0, True), (1.2, 0.05, True), (1.2, 0.09, False), (1.1, 0.0, False), (1.0, 0.3, False), (0.5, 0.0, False)],
)
def test_slower_is_a_tenth_beyond_the_noise(now: float, noise: float, slower: bool) -> None:
    """Noise of both runs adds up in squares; what only one of them measured is left out."""
    [found] = compared([row(2.0, 0.0), row(1.0, 0.0, "gone")], [row(2.0 * now, noise), row(9.0, 0.0, "new")])
    assert found.ratio == pytest.approx(now)
    assert found.is_slower == slower


def test_an_earlier_bench_is_its_last_line(tmp_path: Path) -> None:
    """The table before it may be in the file too."""
    bench = {"schema": 1, "machine": {"processor": "x"}, "measurements": [row(1.0, 0.1)]}
    (tmp_path / "a").write_text("a table\n\n" + json.dumps(bench) + "\n")
    assert earlier_bench(tmp_path / "a", "--against") == bench


@pytest.mark.parametrize(
    "text",
    [
        "", "no json", "[1]", "{}", '{"schema": 2, "machine": {"processor": "x"}, "measurements": []}',
        json.dumps({"schema": 1, "machine": {"processor": "x"}, "measurements": [row(0.0, 0.1)]}),
        json.dumps({"schema": 1, "machine": {"processor": "x"}, "measurements": [row(float("nan"), 0.1)]}),
        json.dumps({"schema": 1, "machine": {"processor": "x"}, "measurements": [{"part": "step"}]}),
    ],
)  # fmt: skip
def test_what_is_no_bench_is_refused(text: str, tmp_path: Path) -> None:
    """One line that names the file and says what is wanted."""
    (tmp_path / "a").write_text(text)
    with pytest.raises(InputError, match="percpu-fuzz bench --json"):
        earlier_bench(tmp_path / "a", "--against")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """As any other."""
    with pytest.raises((InputError, OSError), match="gone"):
        earlier_bench(tmp_path / "gone", "--against")
