"""Output that nobody takes: never a traceback, and never the exit status of a verdict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in the project's folder; $P is percpu-fuzz."""
    text = f"set -o pipefail; P='{sys.executable} -m percpu_fuzz'; {line}"
    return subprocess.run(["bash", "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_standard_output() -> None:
    """One line that says so, exit status 3."""
    done = shell("$P variants > /dev/full")
    assert done.returncode == 3
    assert done.stderr == "percpu-fuzz: harness broken: [Errno 28] No space left on device\n"


def test_standard_output_closed_from_the_start() -> None:
    """The command runs to its end with nobody to tell."""
    done = shell("$P variants >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_leaves() -> None:
    """Silence, and the status that shells give a writer whose pipe broke: not 0, which would read as clean."""
    done = shell("$P variants | true")
    assert (done.returncode, done.stderr) == (141, "")


def test_help_is_there_at_once() -> None:
    """The list of commands loads no library of the engine. Control: a command that runs it does."""
    program = (
        "import sys; from percpu_fuzz.fuzz.cli import call; call(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    )
    for arguments, loads in (("--help", False), ("variants --invariants", True)):
        line = [sys.executable, "-c", program, *arguments.split()]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        assert bool({"numba", "numpy", "scipy"} & set(done.stderr.split())) == loads, arguments
        assert "run " in done.stdout or loads
