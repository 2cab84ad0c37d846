"""The start of the script: light, so that a signal meets no half-made import; then the command line."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from types import FrameType

from percpu_fuzz.fuzz import clock


def main() -> None:
    """Run the command line. Until a command handles signals itself, the first one ends the process at once, quietly."""
    clock.begin()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    from percpu_fuzz.fuzz.cli import call

    end(call())


def end(status: int) -> None:
    """Leave with what was printed and logged in place. Taking down the compiler's objects one by one, as the
    interpreter would, takes most of a second and serves nobody.
    """
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # it was closed before the start
                stream.flush()
    except OSError:
        sys.exit(status)  # the interpreter's own way with a reader that has gone
    atexit._run_exitfuncs()
    os._exit(status)


def leave(number: int, _frame: FrameType | None) -> None:
    """Nothing has been made yet. No exception: an import that it comes up in may turn it into something else."""
    os.write(2, b"percpu-fuzz: interrupted\n")
    os._exit(128 + number)
