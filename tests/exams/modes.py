"""Compiled and plain mode against each other at full numbers; tests with bounds checks, and at full length."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from equality import compare_scenarios

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = 1_000
USES_ROUNDS = re.compile(r"^from few_cases import .*\brounds\b", re.M)


def compiled_and_plain() -> dict[str, Any]:
    """500 random scenarios of class small and 20 of class wide: equal hashes of the whole state after every step."""
    small, wide = compare_scenarios("small", 500, SEED), compare_scenarios("wide", 20, SEED)
    return {"passed": not small["different"] and not wide["different"], "small": small, "wide": wide}


def bounds() -> dict[str, Any]:
    """tests/engine and tests/strategies once with NUMBA_BOUNDSCHECK=1: no index is out of range anywhere they reach."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/engine", "tests/strategies"],
        cwd=ROOT, env=os.environ | {"NUMBA_BOUNDSCHECK": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {
        "passed": done.returncode == 0, "summary": lines[-1] if lines else done.stderr[-500:], "failed": failed,
        "out_of_range": done.stdout.count("IndexError"), "seconds": round(time.perf_counter() - start, 1),
    }  # fmt: skip


def long_forms() -> dict[str, Any]:
    """The tests that repeat what they do, as often as `rounds` has it for an exam."""
    files = [path for path in sorted((ROOT / "tests").rglob("test_*.py")) if USES_ROUNDS.search(path.read_text())]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)],
        cwd=ROOT, env=os.environ | {"PERCPU_FUZZ_EXAM": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {
        "passed": done.returncode == 0, "files": len(files), "summary": lines[-1] if lines else done.stderr[-500:],
        "failed": failed,
    }  # fmt: skip


LINES = {"compiled-and-plain": compiled_and_plain, "bounds": bounds, "long-forms": long_forms}
