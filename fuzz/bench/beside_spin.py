"""The search on a pure model, and SPIN on the same model in Promela, where spin, a compiler and the model are."""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from tempfile import mkdtemp

from percpu_fuzz.engine.core.compiled import ROOT
from percpu_fuzz.fuzz.bench.core import compiler
from percpu_fuzz.fuzz.bench.measure import Measurement, cpu_seconds, timed
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.strategies.explore.micro import Instruction
from percpu_fuzz.strategies.explore.search import Budget, Explored, explore
from percpu_fuzz.strategies.explore.world import micro_world

PROMELA = ROOT / "tests" / "quality" / "promela" / "exchange.pml"
TASK = (
    Instruction("load", 0, 0), Instruction("store", 0, 1), Instruction("swap", 0, 0), Instruction("store", 1, 2),
    Instruction("swap", 1, 0), Instruction("add", 0, 1),
)  # fmt: skip
PROCESSES = 4  # as in exchange.pml
STATES_STORED = re.compile(rb"(\d+) states, stored")


def missing() -> str | None:
    """What SPIN lacks here."""
    if shutil.which("spin") is None:
        return "spin is not installed"
    if compiler() is None:
        return "no C compiler"
    return None if PROMELA.is_file() else f"no model in {PROMELA}"


def pure_measurements() -> Iterator[Measurement]:
    """Every interleaving of exchange.pml, by the search and by SPIN with its partial-order reduction."""
    yield Measurement("search", "exchange, hash", "us a state", 1e6, searched)
    if missing() is None:
        kept: list[str] = []  # the folder of the verifier, once it is made
        run, ready = partial(verified, kept), partial(made, kept)
        yield Measurement("search", "exchange, SPIN", "us a state", 1e6, run, ready)


def searched() -> tuple[float, float]:
    """CPU seconds and states of the search."""
    world, found = micro_world((TASK,) * PROCESSES), list[Explored]()
    return timed(lambda: found.append(explore(world, "hash", Budget()))), float(found[0].states)


def made(kept: list[str]) -> None:
    """Have SPIN make its verifier of the model in a folder, which is gone at the end, and compile it.

    HarnessError if either fails.
    """
    folder = mkdtemp(prefix="percpu-fuzz-spin-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kept[:] = [folder]
    shutil.copy(PROMELA, folder)
    for command in (["spin", "-a", PROMELA.name], [str(compiler()), "-O2", "-w", "-o", "pan", "pan.c"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise HarnessError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-200:]}")


def verified(kept: list[str]) -> tuple[float, float]:
    """CPU seconds and stored states of the verifier, its start included. HarnessError if it says nothing."""
    start, command = cpu_seconds(), ["./pan", "-c0", "-m100000", "-e"]
    done = subprocess.run(command, cwd=kept[0], capture_output=True, timeout=300, check=False)
    seconds, stored = cpu_seconds() - start, STATES_STORED.search(done.stdout)
    if stored is None:
        raise HarnessError(f"SPIN's verifier ends with {done.returncode} and says nothing of states")
    return seconds, float(stored[1])
