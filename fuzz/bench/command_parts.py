"""What is measured as a user starts it: commands in processes of their own, by the CPU time of all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from tempfile import TemporaryDirectory

from percpu_fuzz.fuzz.bench.measure import Measurement, cpu_seconds
from percpu_fuzz.fuzz.errors import BROKEN, HarnessError
from percpu_fuzz.fuzz.warm import COMPILED

STARTS = {
    "--help": ("--help",),
    "variants": ("variants",),
    "topology list": ("topology", "list"),
    "run --cases 1": ("run", "--cases", "1", "--seed", "1", "--quiet"),
    "run --variant v1 --cases 2000": ("run", "--variant", "v1", "--cases", "2000", "--seed", "1", "--quiet"),
}
WORKER_CASES = 8000


def cpu_of(module: str, *arguments: str, **environment: str) -> float:
    """CPU seconds of a module that is run, and of the processes that it starts. HarnessError if it breaks."""
    start = cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env=os.environ | environment, capture_output=True, text=True,
        timeout=1200, check=False,
    )  # fmt: skip
    if done.returncode >= BROKEN:
        raise HarnessError(f"{module} {' '.join(arguments)} ends with {done.returncode}: {done.stderr[-300:]}")
    return cpu_seconds() - start


def of_command(arguments: tuple[str, ...], units: int) -> tuple[float, float]:
    """CPU seconds of a command, and what they are spread over; a campaign's folder is gone afterwards."""
    with TemporaryDirectory() as folder:
        out = ("--out", f"{folder}/out") if arguments[0] == "run" else ()
        return cpu_of("percpu_fuzz", *arguments, *out), units


def setup_measurements() -> Iterator[Measurement]:
    """What is compiled together, each alone and from nothing, in a cache that is gone afterwards."""
    for name in COMPILED:
        yield Measurement("setup", name, "s", 1.0, partial(of_compiling, name), dear=True)


def of_compiling(name: str) -> tuple[float, float]:
    """CPU seconds of compiling a part."""
    with TemporaryDirectory() as folder:
        return cpu_of("percpu_fuzz.fuzz.warm", name, PERCPU_FUZZ_CACHE=folder), 1.0


def start_measurements() -> Iterator[Measurement]:
    """Commands from start to end."""
    for name, arguments in STARTS.items():
        yield Measurement("start", name, "s", 1.0, partial(of_command, arguments, 1))


def worker_measurements() -> Iterator[Measurement]:
    """A campaign with one worker and with two: what each case costs, start and end included."""
    for workers in ("1", "2"):
        arguments = ("run", "--cases", str(WORKER_CASES), "--seed", "1", "--workers", workers, "--quiet")
        yield Measurement(
            "workers", f"{workers} of them", "us a case", 1e6, partial(of_command, arguments, WORKER_CASES)
        )
