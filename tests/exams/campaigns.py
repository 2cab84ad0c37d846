"""Campaigns through the command line, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def percpu_fuzz(*arguments: str, **environment: str) -> tuple[int, dict[str, Any], float]:
    """Exit status, the JSON object of the last line, and seconds of the whole process. Python keeps its bytecode, as it
    does for users: "once compiled" is meant of that too.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "percpu_fuzz", *arguments, "--out", str(Path(folder) / "out"), "--json"]
        start = time.perf_counter()
        kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
    lines = done.stdout.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise RuntimeError(f"{' '.join(arguments)}: exit {done.returncode}: {done.stderr[-500:]}")
    return done.returncode, json.loads(lines[-1]), seconds


def run(variant: str, cases: int, seed: int, *more: str, **environment: str) -> tuple[int, dict[str, Any], float]:
    arguments = ("run", "--variant", variant, "--cases", str(cases), "--seed", str(seed), *more)
    return percpu_fuzz(*arguments, **environment)


def v1_shortage() -> dict[str, Any]:
    """v1 at 2,000 cases: exit 1 with I1 for seeds 1..20, each under 5 s; the same seeds on fixed are clean."""
    rows = []
    for seed in range(1, 21):
        status, found, seconds = run("v1", 2000, seed)
        names = [row["invariant"] for row in found["violations"]]
        clean, _, _ = run("fixed", 2000, seed)
        rows.append({"seed": seed, "exit": status, "I1": "I1" in names, "seconds": seconds, "fixed_exit": clean})
    passed = all(r["exit"] == 1 and r["I1"] and r["seconds"] < 5 and r["fixed_exit"] == 0 for r in rows)
    return {
        "passed": passed, "seeds": len(rows), "found_I1": sum(bool(r["I1"]) for r in rows),
        "fixed_clean": sum(r["fixed_exit"] == 0 for r in rows),
        "slowest_seconds": max(float(r["seconds"]) for r in rows),
    }  # fmt: skip


def clean(variant: str, cases: int, most_seconds: float) -> dict[str, Any]:
    status, found, seconds = run(variant, cases, 1)
    return {
        "passed": status == 0 and seconds < most_seconds, "exit": status, "cases": found["cases"],
        "steps": found["steps"], "seconds": seconds,
    }  # fmt: skip


def digest() -> dict[str, Any]:
    """The digest of seed 7 at 20,000 cases: workers 1, 2, 3, two hash seeds, two runs."""
    ways = [(1, "0"), (2, "0"), (3, "0"), (2, "1"), (2, "0")]
    digests = [
        run("v2", 20_000, 7, "--workers", str(workers), PYTHONHASHSEED=seed)[1]["digest"] for workers, seed in ways
    ]
    other = run("v2", 20_000, 8)[1]["digest"]
    return {
        "passed": len(set(digests)) == 1 and other not in digests,
        "digests": sorted(set(digests)),
        "runs": len(ways),
    }


LINES = {
    "v1-shortage": v1_shortage,
    "fixed-million": lambda: clean("fixed", 1_000_000, 600.0),
    "base-clean": lambda: clean("base", 100_000, 600.0),
    "split-clean": lambda: clean("split", 100_000, 600.0),
    "digest": digest,
}
