"""A user's own scheduler: what it sees, what it decides, and that its cases come back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from places import ROOT

from percpu_fuzz.engine.case.runnable import case_over, runnable
from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.portfolio import PORTFOLIO
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.redraw import drawn_case, finding_of, repeated
from percpu_fuzz.strategies.plan.user_scheduler import SchedulerError, load_user_scheduler
from percpu_fuzz.strategies.run.replay import state_hash
from percpu_fuzz.strategies.run.walk import CHECK_TOUCHED, checked_step

LOWEST = """
class Lowest:
    def begin(self, case, rng, look):
        pass

    def choose(self, ready, look):
        return ready[0]
"""
RANDOM = """
class Walk:
    def begin(self, case, rng, look):
        self.rng = rng

    def choose(self, ready, look):
        return self.rng.choice(ready)
"""
WATCHING = """
seen = []

class Watching:
    def begin(self, case, rng, look):
        seen.append(("begin", case.k, case.case, look.step, look.last))

    def choose(self, ready, look):
        assert look.labels[ready[0]].isupper()
        assert set(look.kinds) <= {"task", "irq", "worker"}
        seen.append((look.step, look.last, look.labels, look.kinds))
        return ready[-1]
"""


def file_of(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def batches_under(scheduler: str, seed: int = 3) -> Batches:
    return Batches(make_plan("v2", seed, preset("two-node"), scheduler=scheduler))


def test_the_lowest_task_runs_until_it_waits(tmp_path: Path) -> None:
    """A scheduler that always takes the lowest ready task ends in the states that stepping so by hand ends in."""
    batches = batches_under(f"{file_of(tmp_path, LOWEST)}:Lowest")
    may_step, take_step, over = plain(runnable), plain(checked_step), plain(case_over)
    for case in range(4):
        drawn = drawn_case(batches.batch_of("hunting", 0), case)
        while not over(drawn.state):
            drawn.state.stirred = 0
            ready = (t for t in range(drawn.state.nr_all) if may_step(drawn.topo, drawn.prog, drawn.state, t))
            take_step(drawn.topo, drawn.prog, drawn.state, next(ready), CHECK_TOUCHED)
        _, run = repeated(batches.batch_of("hunting", 0), case)
        assert state_hash(run.state) == state_hash(drawn.state)
    outcome = batches.outcome("hunting", 0)
    assert outcome.cases == outcome.counts[f"scheduler.{tmp_path}/mine.py:Lowest"] == 50


def test_a_batch_is_a_function_of_its_numbers(tmp_path: Path) -> None:
    """The same batch twice and from another plan is the same; another batch and another seed are not."""
    name = f"{file_of(tmp_path, RANDOM)}:Walk"
    one, other = batches_under(name), batches_under(name)
    first = one.outcome("hunting", 1).canonical()
    assert one.outcome("hunting", 1).canonical() == first
    assert other.outcome("hunting", 1).canonical() == first
    assert batches_under(name, seed=4).outcome("hunting", 1).canonical() != first


def test_what_a_batch_counts_comes_back_case_by_case(tmp_path: Path) -> None:
    """Each violation of a batch shows when its case is drawn again; 150 random walks break some invariant."""
    batches = batches_under(f"{file_of(tmp_path, RANDOM)}:Walk")
    shown = 0
    for k in range(3):
        outcome = batches.outcome("hunting", k)
        for signature, cases in outcome.first_cases.items():
            finding = finding_of(batches.batch_of("hunting", k), cases[0], signature)
            assert finding.invariant == signature.invariant
            shown += 1
    assert shown > 0


def test_what_a_scheduler_sees(tmp_path: Path) -> None:
    """begin before the first step with the case's number; each choose with the step count and the task that stepped."""
    batch = batches_under(f"{file_of(tmp_path, WATCHING)}:Watching").batch_of("hunting", 5)
    assert batch.user is not None
    repeated(batch, 2)
    seen = type(batch.user.scheduler).choose.__globals__["seen"]  # type: ignore[attr-defined]
    assert seen[0] == ("begin", 5, 2, 0, -1)
    assert [row[0] for row in seen[1:]] == list(range(len(seen) - 1))
    assert seen[1][1] == -1
    assert all(label in NAMES for label in seen[1][2])
    assert seen[1][3][0] == "task"
    assert seen[1][3][-1] == "worker"


def test_the_measurement_stream_does_not_ask(tmp_path: Path) -> None:
    """Measured cases walk at random whatever the hunting stream does."""
    mine = batches_under(f"{file_of(tmp_path, LOWEST)}:Lowest")
    assert mine.outcome("measurement", 0) == batches_under(PORTFOLIO).outcome("measurement", 0)


def test_a_choice_that_cannot_step_is_an_error(tmp_path: Path) -> None:
    """A task that is not ready is refused with what was chosen and what was ready."""
    text = LOWEST.replace("ready[0]", "99")
    batches = batches_under(f"{file_of(tmp_path, text)}:Lowest")
    with pytest.raises(SchedulerError, match=r"mine.py:Lowest chose 99 of \("):
        batches.outcome("hunting", 0)


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (LOWEST, "Other", "has no method 'begin'"),
        ("class A:\n    def begin(self): pass\n", "A", "has no method 'choose'"),
        ("raise SystemExit(0)", "A", "raises SystemExit"),
        ("class A:\n    def __init__(self): raise KeyError('x')\n", "A", "raises KeyError"),
        ("def (", "A", "raises SyntaxError"),
    ],
)
def test_what_is_no_scheduler_is_refused(tmp_path: Path, text: str, name: str, said: str) -> None:
    """One line that names the file and what is missing."""
    with pytest.raises(InputError) as caught:
        load_user_scheduler(f"{file_of(tmp_path, text)}:{name}")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused() -> None:
    """By name, and plain names of schedulers that do not exist too."""
    with pytest.raises(InputError, match=r"no file 'missing\.py'"):
        make_plan("v2", 1, scheduler="missing.py:A")
    with pytest.raises(InputError, match=r"FILE\.py:NAME"):
        make_plan("v2", 1, scheduler="nobody")


def test_the_example_of_the_documentation_runs(tmp_path: Path) -> None:
    """The class in docs/schedulers.md as it stands there: a batch of it, whose violating cases come back."""
    text = (ROOT / "docs" / "schedulers.md").read_text()
    example = re.findall(r"```python\n(class DrainsFirst.*?)```", text, re.S)[0]
    batches = batches_under(f"{file_of(tmp_path, example)}:DrainsFirst")
    outcome = batches.outcome("hunting", 0)
    assert outcome.cases == 50
    for signature, cases in outcome.first_cases.items():
        finding_of(batches.batch_of("hunting", 0), cases[0], signature)
