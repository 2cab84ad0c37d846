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
    for arguments, loads in (("--help", False), ("variants --invariants", False), ("explore --list", True)):
        line = [sys.executable, "-c", program, *arguments.split()]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
        assert bool({"numba", "numpy", "scipy"} & set(done.stderr.split())) == loads, arguments
        assert "run " in done.stdout or arguments != "--help"


def test_a_line_without_a_command_prints_help() -> None:
    """Of the whole and of a group, on standard output; exit status 2, as nothing was run and 0 would read as clean."""
    for line, word in (("$P", "Campaigns:"), ("$P topology", "export")):
        done = shell(line)
        assert (done.returncode, done.stderr) == (2, "")
        assert word in done.stdout


def test_a_folder_of_findings_is_listed() -> None:
    """A line a file with the command that shows it; 1 if one shows, 0 on a variant where none does; a folder without
    any is refused.
    """
    done = shell("D=$(mktemp -d) && cp tests/data/findings/v1-shortfall.json $D/001-I1-v1.json && $P replay $D")
    assert done.returncode == 1
    assert "001-I1-v1.json: I1 on v1 at step" in done.stdout
    assert "--lanes" in done.stdout
    done = shell("D=$(mktemp -d) && cp tests/data/findings/v1-shortfall.json $D/001-I1-v1.json && "
                 "$P replay $D --variant fixed")  # fmt: skip
    assert done.returncode == 0
    assert "I1 on fixed holds" in done.stdout
    assert shell("$P replay $(mktemp -d)").returncode == 2
