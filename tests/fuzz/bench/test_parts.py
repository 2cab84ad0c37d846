"""What the bench measures is what it says: bugs are found, batches are a campaign's, parts are compiled anew."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from percpu_fuzz.fuzz.bench import command_parts, parent_part, time_to_bug
from percpu_fuzz.fuzz.bench.measure import Measurement, rounds, turns
from percpu_fuzz.strategies.plan.recipe import make_plan


@pytest.mark.parametrize(("variant", "invariant"), time_to_bug.BUGS[:2])
def test_both_find_the_bug(variant: str, invariant: str) -> None:
    """On the first seed, the hunting stream within 256 cases and the state machine within 200 examples."""
    assert time_to_bug.cases_to(variant, invariant, 0) <= 256
    assert time_to_bug.examples_to(variant, invariant, 0) <= 200


def test_only_the_bug_that_is_asked_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: v2 has no shortfall, whatever else breaks on the way; then both end with the most there is."""
    monkeypatch.setattr(time_to_bug, "BATCHES", 16)
    monkeypatch.setattr(time_to_bug, "EXAMPLES_MOST", 40)
    assert time_to_bug.cases_to("v2", "I1", 0) == 16 * time_to_bug.BATCH_CASES
    assert time_to_bug.examples_to("v2", "I1", 0) == 40


def test_a_parent_takes_the_answers_of_its_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are those of the first batches in their order; another plan's are refused."""
    monkeypatch.setattr(parent_part, "FIRST_BATCHES", 3)
    plan = make_plan("v2", 1, family_names=("one-node",))
    answers = parent_part.answered(plan)
    streams = [pickle.loads(row).batch.stream for row in answers]
    assert streams == ["measurement", "hunting", "measurement"]
    parent_part.taken(plan, answers)
    with pytest.raises(AssertionError, match="same batches"):
        parent_part.taken(plan, answers[1:])


def test_compiling_starts_from_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The cache is an empty folder of its own, whatever cache this process has."""
    asked: list[tuple[str, ...]] = []

    def cpu_of(module: str, *arguments: str, **environment: str) -> float:
        folder = Path(environment["PERCPU_FUZZ_CACHE"])
        assert list(folder.iterdir()) == []
        asked.append((module, *arguments))
        return 2.0

    monkeypatch.setattr(command_parts, "cpu_of", cpu_of)
    assert [one.run() for one in command_parts.setup_measurements()] == [(2.0, 1.0)] * 4
    assert [name for _, name in asked] == ["small", "wide", "explore", "trace"]


@pytest.mark.parametrize(("count", "at"), [(15, [0, 5, 10]), (5, [0, 2, 4]), (2, [0, 1]), (7, [0, 3, 6])])
def test_what_is_dear_has_three_turns(count: int, at: list[int]) -> None:
    """Spread over all rounds, and none before the first."""
    done: list[int] = []
    dear = Measurement("setup", "small", "s", 1.0, lambda: (done.append(1) or 1.0, 1.0), dear=True)
    assert list(turns(dear, count)) == at
    rounds([dear], count, lambda _done, _words: None)
    assert len(done) == len(dear.values) == len(at)
