"""What is measured as a user starts it: commands in processes of their own, by the CPU time of all of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from percpu_fuzz.fuzz.bench.measure import Measurement, cpu_seconds
from percpu_fuzz.fuzz.errors import BROKEN, HarnessError

STARTED_BY = (sys.executable, "-m", "percpu_fuzz")
STARTS = {
    "--help": ("--help",),
    "variants": ("variants",),
    "topology list": ("topology", "list"),
    "run --cases 1": ("run", "--cases", "1", "--seed", "1", "--quiet"),
    "run --variant v1 --cases 2000": ("run", "--variant", "v1", "--cases", "2000", "--seed", "1", "--quiet"),
}
WORKER_CASES = 8000


def cpu_of(arguments: tuple[str, ...]) -> float:
    """CPU seconds of a command and of the processes that it starts, in a folder that is gone afterwards.

    HarnessError if it breaks.
    """
    with TemporaryDirectory() as folder:
        out = ("--out", str(Path(folder) / "out")) if arguments[0] == "run" else ()
        start = cpu_seconds()
        done = subprocess.run([*STARTED_BY, *arguments, *out], capture_output=True, text=True, timeout=600, check=False)
        seconds = cpu_seconds() - start
    if done.returncode >= BROKEN:
        raise HarnessError(f"percpu-fuzz {' '.join(arguments)} ends with {done.returncode}: {done.stderr[-300:]}")
    return seconds


def of_command(arguments: tuple[str, ...], units: int) -> tuple[float, float]:
    """CPU seconds of a command, and what they are spread over."""
    return cpu_of(arguments), units


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
