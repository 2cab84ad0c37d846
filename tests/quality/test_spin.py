"""The search against SPIN on five models written twice: in Promela, and as micro-programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from few_cases import rounds
from micro_programs import Whole, ends_merged, first

from percpu_fuzz.fuzz.bench.beside_spin import FOLDER, MODELS
from percpu_fuzz.strategies.explore.micro import MicroProgram
from percpu_fuzz.strategies.explore.search import Budget, Explored, explore
from percpu_fuzz.strategies.explore.world import micro_world

Row = tuple[int, ...]


@dataclass(frozen=True)
class Twin:
    """A micro-program, the counters that it starts with, and which of its state the Promela model prints."""

    program: MicroProgram
    counters: tuple[int, ...]
    printed: Callable[[Whole], Row]


def finished(whole: Whole, name: str) -> int:
    return sum(place == len(task) for place, task in zip(whole[0], MODELS[name][0], strict=True))


PRINTED: dict[str, Callable[[Whole], Row]] = {
    "lost_update": lambda w: (w[2][0], *w[1], finished(w, "lost_update")),
    "precharge": lambda w: (*w[2][:2], *w[1], w[5], finished(w, "precharge")),
    "trylock": lambda w: (w[2][0], *w[1], *w[3][:2], finished(w, "trylock")),
    "locks": lambda w: (w[2][0], *w[3][:2], finished(w, "locks")),
    "exchange": lambda w: (*w[2][:2], *w[4][:2], *w[1], finished(w, "exchange")),
}
TWINS = {name: Twin(*MODELS[name], printed) for name, printed in PRINTED.items()}


@dataclass(frozen=True)
class Checked:
    """What pan printed: terminal states, whether an assertion failed, how many deadlocks, states and its own rate."""

    ends: set[Row]
    asserted: bool
    deadlocks: int
    states: int
    seconds: float


def check(name: str, folder: Path, level: str = "-O2") -> Checked:
    """Translate, compile and run one model exhaustively, without SPIN's own reductions."""
    shutil.copy(FOLDER / f"{name}.pml", folder)
    run = ["spin", "-a", f"{name}.pml"], ["cc", level, "-w", "-DNOREDUCE", "-DMEMLIM=4096", "-o", "pan", "pan.c"]
    for command in run:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    pan = subprocess.run(["./pan", "-c0", "-m100000", "-e"], cwd=folder, capture_output=True, text=True, timeout=300)
    ends = {tuple(map(int, line.split()[1:])) for line in pan.stdout.splitlines() if line.startswith("END ")}
    states = re.search(r"(\d+) states, stored", pan.stdout)
    seconds = re.search(r"elapsed time ([\d.]+) seconds", pan.stdout)
    assert states is not None, pan.stdout
    assert seconds is not None, pan.stdout
    return Checked(
        ends, "assertion violated" in pan.stdout, pan.stdout.count("invalid end state (at"), int(states[1]),
        float(seconds[1]),
    )  # fmt: skip


def search(twin: Twin, reduction: str = "both") -> Explored:
    return explore(micro_world(twin.program, twin.counters), reduction, Budget())


def ends_of(twin: Twin) -> set[Row]:
    """The terminal states of the micro-program, as far as the model prints them; by the interpreter."""
    start = first(len(twin.program))
    start = (*start[:2], (*twin.counters, *start[2][len(twin.counters) :]), *start[3:])
    return {twin.printed(whole) for whole in ends_merged(twin.program, start)}


@pytest.mark.skipif(shutil.which("spin") is None or shutil.which("cc") is None, reason="spin and cc are not installed")
@pytest.mark.parametrize("name", TWINS)
def test_spin_agrees(name: str, tmp_path: Path) -> None:
    """SPIN and the search see the same number of terminal states, deadlocks among them, and the same verdict.

    Which states these are is compared too, through the interpreter of the tests: of the largest model, with a million
    states for it to walk over, in the exam.
    """
    twin, spin = TWINS[name], check(name, tmp_path, "-O0")  # which takes less time than to optimise what runs once
    done = search(twin)
    if name != "exchange" or rounds(0, 1):
        assert spin.ends == ends_of(twin)
    assert len(spin.ends) == len(done.ends)
    assert spin.asserted == ("I1" in done.paths)
    assert (spin.deadlocks > 0) == (done.stuck > 0)


def test_the_models_differ_in_verdict() -> None:
    """Among the five are a broken check, a deadlock, and models that are clean: each verdict is possible."""
    found = {name: search(twin) for name, twin in TWINS.items()}
    assert {name for name, done in found.items() if "I1" in done.paths} == {"precharge"}
    assert {name for name, done in found.items() if done.stuck} == {"locks"}
