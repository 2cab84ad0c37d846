"""The small model of core.c in Python, and core.c compiled: equal results before anything is timed."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

TASKS, CPUS, BATCH, STOCK_MOST, LIMIT = 4, 2, 8, 16, 48
ALL_BITS = (1 << 64) - 1
SOURCE = Path(__file__).with_name("core.c")
CHECKED = [(seed, steps) for seed in (1, 2, 3, 1 << 40) for steps in (1, 100, 5000)]


def run_core(seed: int, steps: int) -> int:
    """What run_core of core.c gives: a hash of every state passed, 0 if a page was lost."""
    at, want, held, stock, usage, x, hashed = [0] * TASKS, [0] * TASKS, [0] * TASKS, [0] * CPUS, 0, seed, 0
    for _ in range(steps):
        x = next_word(x)
        t, c = x % TASKS, x % TASKS % CPUS
        if at[t] == 0:  # how much
            x = next_word(x)
            want[t], at[t] = 1 + x % 5, 1
        elif at[t] == 1:  # from the stock
            fits = stock[c] >= want[t]
            stock[c], held[t] = (stock[c] - want[t], held[t] + want[t]) if fits else (stock[c], held[t])
            at[t] = 3 if fits else 2
        elif at[t] == 2 and usage + want[t] + BATCH <= LIMIT:  # from the counter
            usage, stock[c], held[t], at[t] = usage + want[t] + BATCH, stock[c] + BATCH, held[t] + want[t], 3
        elif at[t] == 2:  # all stocks are drained
            usage, stock = usage - sum(stock), [0] * CPUS
            at[t] = 2 if usage + want[t] + BATCH <= LIMIT else 4
        elif at[t] == 3:  # what was not used goes back
            x = next_word(x)
            held[t], stock[c] = held[t] - x % (want[t] + 1), stock[c] + x % (want[t] + 1)
            x = next_word(x)
            at[t] = 4 if x % 2 else 0
        else:  # free
            stock[c], held[t], at[t] = stock[c] + held[t], 0, 0
            if stock[c] > STOCK_MOST:
                usage, stock[c] = usage - stock[c], 0
        if sum(stock) + sum(held) != usage or not 0 <= usage <= LIMIT:
            return 0
        hashed = (hashed * 1099511628211 + usage * 8 + at[t]) & ALL_BITS
    return hashed


def next_word(x: int) -> int:
    """Marsaglia's xorshift of 64 bits (2003), as core.c has it."""
    x ^= x << 13 & ALL_BITS
    x ^= x >> 7
    return x ^ (x << 17 & ALL_BITS)


def compiler() -> str | None:
    """The C compiler of this machine."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compiled_core(source: str | None = None) -> Any:
    """run_core of core.c, or of another text of it, as a C function. ValueError if it does not do what run_core does.

    RuntimeError without a compiler, or for what it refuses.
    """
    cc = compiler()
    if cc is None:
        raise RuntimeError("no C compiler")
    with TemporaryDirectory() as folder:
        text, made = Path(folder) / "core.c", Path(folder) / "core.so"
        text.write_text(SOURCE.read_text() if source is None else source)
        command = [cc, "-O2", "-shared", "-fPIC", "-o", str(made), str(text)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise RuntimeError(f"{cc} refuses core.c: {done.stderr.strip().splitlines()[:1]}")
        function = ctypes.CDLL(str(made)).run_core
    function.argtypes, function.restype = [ctypes.c_uint64, ctypes.c_int64], ctypes.c_uint64
    for seed, steps in CHECKED:
        if function(seed, steps) != run_core(seed, steps):
            raise ValueError(f"the C core is not the model: seed {seed}, {steps} steps")
    return function
