"""What is said to the person who waits, where nobody can be told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from places import PERCPU_FUZZ

from percpu_fuzz.fuzz import progress
from percpu_fuzz.fuzz.output.streams import say_on_stderr


def test_a_closed_standard_error_takes_nothing_to_standard_output() -> None:
    """Exit status 2, and nothing where the report would be. Control: with standard error the line is there."""
    line = ["bash", "-c", '"$@" 2>&-', "bash", *PERCPU_FUZZ, "no-such-command"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    told = subprocess.run([*PERCPU_FUZZ, "no-such-command"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (2, "")
    assert "no-such-command" in told.stderr


@pytest.mark.parametrize("say", [say_on_stderr, progress.note])
def test_a_full_standard_error_is_no_fault(say: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that finds no room is lost, and the work goes on."""
    with open("/dev/full", "wb", buffering=0) as full:

        class Full:
            """Like a stream over a full file: every write fails."""

            def write(self, text: str) -> int:
                """OSError."""
                return full.write(text.encode())

            def flush(self) -> None:
                """Nothing waits."""

        monkeypatch.setattr("sys.stderr", Full())
        say("compiling")
