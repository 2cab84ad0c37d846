"""A start loads no linear algebra, and whoever wants it afterwards gets it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from percpu_fuzz.fuzz.no_blas import without_blas
without_blas()
from percpu_fuzz.strategies.plan.batches import run_alone
from percpu_fuzz.strategies.plan.recipe import make_plan
run_alone(make_plan("v2", 1).batch_of("measurement", 0))
assert "scipy.linalg" not in sys.modules, "numba loaded it all the same"
import scipy.linalg
assert scipy.linalg.det([[2.0, 0.0], [0.0, 3.0]]) == 6.0
without_blas()
assert sys.modules["scipy.linalg"] is scipy.linalg
"""


def test_the_engine_runs_without_linear_algebra() -> None:
    """In a process of its own: a batch without scipy.linalg, which loads when asked for; a second call does nothing."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
