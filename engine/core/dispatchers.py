"""numba's objects for compiled functions: the one door to numba, opened by engine.core.compiled when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numba
from llvmlite.binding import get_host_cpu_features

from percpu_fuzz.engine.core import record_access, shortcuts, vectors
from percpu_fuzz.engine.core.linking import EntryCache, EntryCompiler, InnerCompiler, keep_below, one_width

njit: Any = numba.njit
# No reference counts: no function makes an array.
RULES = {"nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
INNER = {"pipeline_class": InnerCompiler, "no_cpython_wrapper": True}
GUARDED = {**RULES, "error_model": "python", "boundscheck": True}


# Machine code for these processors costs no speed against code for the very one that is here, and goes into a wheel.
PORTABLE = "x86-64-v3"
PORTABLE_NEEDS = ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")


def compile_portably() -> None:
    """Compile for PORTABLE where that runs, unless NUMBA_CPU_NAME says for what."""
    config: Any = numba.config
    has = get_host_cpu_features()
    if config.CPU_NAME is None and all(has.get(name, False) for name in PORTABLE_NEEDS):
        config.CPU_NAME, config.CPU_FEATURES = PORTABLE, ""


def begin(root: Path, folder: Callable[[], Path]) -> None:
    """Once in a process: keep machine code of sources below `root` in `folder`, and change in numba what we change."""
    compile_portably()
    keep_below(root, folder)
    shortcuts.take_shortcuts()
    record_access.read_fields_directly()


def inner(function: Any) -> Any:
    """Of a function that is linked into the entries that reach it."""
    return one_width(njit(**RULES, **INNER)(function))


def guarded_inner(function: Any) -> Any:
    """The same with bounds checks and exceptions for divisions by zero."""
    return one_width(njit(**GUARDED, **INNER)(function))


def instruction(function: Any) -> Any:
    """Of a function in whose place an instruction stands."""
    return vectors.instruction_for(function)


def entry(function: Any) -> Any:
    """Of a function that has machine code of its own, kept in a file."""
    made = one_width(njit(**RULES, pipeline_class=EntryCompiler)(function))
    made._cache = cast(Any, EntryCache)(function)
    return made
