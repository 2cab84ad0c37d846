"""What the checkers see at full numbers: planted mistakes, clean references, what is reached, findings of a busy
machine, and what the oracles beside the engine cost.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exams.campaigns import clean

from percpu_fuzz.engine.scenario import load_finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.campaign.mutants import hunt_mutants
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.strategies.plan.mutants import FIXED, catalogue
from percpu_fuzz.strategies.run.replay import run_scenario

ROOT = Path(__file__).resolve().parents[2]
PLANTED = ("uncharged", "scope-up", "moved", "pointer", "all-fail", "dead-pages", "evict")
CASES_MOST = 2_000
CAMPAIGNS, LOADS = 20, 2
ROUNDS, SLOWER_MOST = 7, 0.10
ORACLES = {"charging.py": ("watch_charge", "judge_operation"), "conservation.py": ("check_dead_cpu",)}
RATE = """
import time
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.draw.topologies import families
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
batches = Batches(Plan(VARIANTS["v2"], 1, families()[:1]))
batches.outcome("measurement", 0)
start, steps = time.process_time(), 0
for k in range(12):
    steps += batches.outcome("measurement", k).steps
print(steps / (time.process_time() - start))
"""


def mistakes() -> dict[str, Any]:
    """The planted mistakes of who pays, of why a charge fails, of a dead CPU, of an eviction: 2,000 cases."""
    mutants = tuple(mutant for mutant in catalogue() if mutant.name.removeprefix("slip-") in PLANTED)
    verdicts = hunt_mutants(300.0, 1, 1, mutants, print, Interrupts(), FIXED)
    rows = {verdict.mutant.name: verdict.cases if verdict.killed else None for verdict in verdicts}
    in_time = [cases is not None and cases <= CASES_MOST for cases in rows.values()]
    return {"passed": len(rows) == len(PLANTED) and all(in_time), "cases": rows}


def reached() -> dict[str, Any]:
    """A default campaign of ten minutes lists what is never reached: nothing that no pinned exception excuses."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        done = command("run", "--time", "600", "--seed", "1", "--plain", "--out", str(out))
        report = json.loads((out / "report.json").read_text())
    (row,) = report["unreached"]
    return {
        "passed": done in (0, 1) and row["never"] == [], "never": row["never"], "places": row["places"],
        "excused": sum(row["excused"].values()), "sample": row["cases"], "cases": report["cases"],
    }  # fmt: skip


def command(*arguments: str) -> int:
    """Exit status of a command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "percpu_fuzz", *arguments], capture_output=True, check=False
    ).returncode


@contextlib.contextmanager
def loaded() -> Iterator[None]:
    """Two processes that load the cores meanwhile."""
    burn = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(burn) for _ in range(LOADS)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def each_finding() -> dict[str, Any]:
    """20 campaigns of v2 of 20 seconds on loaded cores: every broken invariant names a file whose replay breaks it."""
    good, broken = 0, 0
    with loaded(), tempfile.TemporaryDirectory() as folder:
        for seed in range(1, CAMPAIGNS + 1):
            out = Path(folder) / str(seed)
            command("run", "--variant", "v2", "--time", "20", "--seed", str(seed), "--plain", "--out", str(out))
            rows = json.loads((out / "report.json").read_text())["violations"]
            broken += len(rows)
            good += bool(rows) and all(
                row["finding"] and breaks(out / row["finding"], row["invariant"]) for row in rows
            )
    return {"passed": good == CAMPAIGNS, "campaigns": CAMPAIGNS, "as_wanted": good, "broken_invariants": broken}


def breaks(path: Path, invariant: str) -> bool:
    """Whether the replay of a finding breaks an invariant."""
    finding = load_finding(path.read_bytes(), str(path))
    return run_scenario(finding.scenario, VARIANTS["v2"]).broken(invariant) is not None


def catalogue_killed() -> dict[str, Any]:
    """`mutants --time 120`: at least 95% of the mutants that are not proved equivalent are killed."""
    done = subprocess.run(
        [sys.executable, "-m", "percpu_fuzz", "mutants", "--time", "120", "--seed", "1", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    open_ones = found["total"] - len(found["equivalent"])
    share = found["killed"] / open_ones
    return {
        "passed": share >= 0.95, "killed": found["killed"], "of": open_ones, "survivors": found["survivors"],
        "equivalent": [row["name"] for row in found["equivalent"]],
    }  # fmt: skip


def without_oracles(folder: Path) -> Path:
    """A copy of the tree in which the oracles beside the engine return at once."""
    tree = folder / "without"
    for name in ("engine", "strategies", "fuzz", "reports"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "percpu_fuzz").mkdir()
    for path in (ROOT / "percpu_fuzz").iterdir():
        if path.is_symlink():
            (tree / "percpu_fuzz" / path.name).symlink_to(f"../{path.name}")
        elif path.is_file():
            shutil.copy(path, tree / "percpu_fuzz")
    for file, names in ORACLES.items():
        path = tree / "engine" / "checks" / file
        module = ast.parse(path.read_text())
        for function in module.body:
            if isinstance(function, ast.FunctionDef) and function.name in names:
                function.body = [ast.Return(None)]
        path.write_text(ast.unparse(ast.fix_missing_locations(module)) + "\n")
    return tree


def rate(tree: Path) -> float:
    """Steps a second of CPU time of measured cases of class small, in a process of its own that has compiled before."""
    done = subprocess.run(
        [sys.executable, "-c", RATE], cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def oracle_speed() -> dict[str, Any]:
    """Alternating rounds with the oracles and of a tree without them: at most a tenth slower."""
    rates: dict[str, list[float]] = {"with": [], "without": []}
    with tempfile.TemporaryDirectory() as folder:
        trees = {"with": ROOT, "without": without_oracles(Path(folder))}
        for tree in trees.values():
            rate(tree)  # compiles
        for _ in range(ROUNDS):
            for name, tree in trees.items():
                rates[name].append(rate(tree))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    slower = 1 - medians["with"] / medians["without"]
    return {
        "passed": slower <= SLOWER_MOST, "slower": round(slower, 3), "rounds": ROUNDS,
        "steps_per_second": {name: round(value) for name, value in medians.items()},
        "each": {name: [round(value) for value in values] for name, values in rates.items()},
    }  # fmt: skip


LINES = {
    "mistakes": mistakes,
    "oracles-fixed": lambda: clean("fixed", 1_000_000, 3600.0),
    "oracles-base": lambda: clean("base", 1_000_000, 3600.0),
    "oracles-split": lambda: clean("split", 1_000_000, 3600.0),
    "reached": reached,
    "each-finding": each_finding,
    "catalogue": catalogue_killed,
    "oracle-speed": oracle_speed,
}
