"""The search on pure models, and SPIN on the same models in Promela, where spin, a compiler and the models are."""

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
from percpu_fuzz.strategies.explore.micro import Instruction, MicroProgram
from percpu_fuzz.strategies.explore.search import Budget, Explored, explore
from percpu_fuzz.strategies.explore.world import micro_world

FOLDER = ROOT / "tests" / "quality" / "promela"


def steps(*rows: str) -> tuple[Instruction, ...]:
    """A task from lines like `add 0 1`: the kind, the cell, the number."""
    parts = [row.split() for row in rows]
    return tuple(Instruction(kind, int(cell), int(more[0]) if more else 0) for kind, cell, *more in parts)


_FORTH = steps("take 0", "take 1", "add 0 1", "give 1", "give 0")
_BACK = steps("take 1", "take 0", "add 0 1", "give 0", "give 1")
# The models of FOLDER as programs of the micro-machine: by name the tasks, and the counters that they start with.
MODELS: dict[str, tuple[MicroProgram, tuple[int, ...]]] = {
    "lost_update": ((steps("load 0", "store 0 1", "load 0", "store 0 1"),) * 3, ()),
    "precharge": ((steps("spend 0 3", "add 1 2", "add 0 1", "check 1 2"),) * 3, (4,)),
    "trylock": ((steps("try 0", "store 0 1", "give 0", "try 1"),) * 3, ()),
    "locks": ((_FORTH, _FORTH, _BACK), ()),
    "exchange": ((steps("load 0", "store 0 1", "swap 0", "store 1 2", "swap 1", "add 0 1"),) * 4, ()),
}
STATES_STORED = re.compile(rb"(\d+) states, stored")


def missing() -> str | None:
    """What SPIN lacks here."""
    if shutil.which("spin") is None:
        return "spin is not installed"
    if compiler() is None:
        return "no C compiler"
    return None if FOLDER.is_dir() else f"no models in {FOLDER}"


def pure_measurements() -> Iterator[Measurement]:
    """Every interleaving of each model, by the search and by SPIN with its partial-order reduction."""
    for name in MODELS:
        yield Measurement("search", f"{name}, hash", "us a state", 1e6, partial(searched, name))
        if missing() is None:
            kept: list[str] = []  # the folder of the verifier, once it is made
            run, ready = partial(verified, kept), partial(made, kept, name)
            yield Measurement("search", f"{name}, SPIN", "us a state", 1e6, run, ready)


def searched(name: str) -> tuple[float, float]:
    """CPU seconds and states of the search."""
    world, found = micro_world(*MODELS[name]), list[Explored]()
    return timed(lambda: found.append(explore(world, "hash", Budget()))), float(found[0].states)


def made(kept: list[str], name: str) -> None:
    """Have SPIN make its verifier of a model in a folder, which is gone at the end, and compile it.

    HarnessError if either fails.
    """
    folder = mkdtemp(prefix="percpu-fuzz-spin-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kept[:] = [folder]
    shutil.copy(FOLDER / f"{name}.pml", folder)
    for command in (["spin", "-a", f"{name}.pml"], [str(compiler()), "-O2", "-w", "-o", "pan", "pan.c"]):
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
