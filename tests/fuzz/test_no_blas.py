"""A start loads no linear algebra, and whoever wants it afterwards gets it."""

from __future__ import annotations

import subprocess
import sys

from percpu_fuzz.strategies.plan.batches import run_alone
from percpu_fuzz.strategies.plan.recipe import make_plan

PROGRAM = """
import sys
from percpu_fuzz.fuzz.no_blas import one_blas_thread
one_blas_thread()
from percpu_fuzz.strategies.plan.batches import run_alone
from percpu_fuzz.strategies.plan.recipe import make_plan
run_alone(make_plan("v2", 1).batch_of("measurement", 0))
assert "numba" in sys.modules
assert "numba.np.arraymath" not in sys.modules, "loading machine code loads what only compiling needs"
import numba.np.arraymath
assert "scipy.linalg" not in sys.modules, "numba loaded it all the same"
import scipy.linalg
assert scipy.linalg.det([[2.0, 0.0], [0.0, 3.0]]) == 6.0
"""


def test_the_engine_runs_without_linear_algebra() -> None:
    """In a process of its own: a batch without scipy.linalg, with what numba needs to compile too; who asks gets it."""
    run_alone(make_plan("v2", 1).batch_of("measurement", 0))  # compiled, if it is not yet
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
