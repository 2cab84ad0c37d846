"""The start of the script: light, so that a signal meets no half-made import; then the command line."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from pathlib import Path

from percpu_fuzz.fuzz import clock
from percpu_fuzz.fuzz.interrupts import asking, leave
from percpu_fuzz.fuzz.no_blas import one_blas_thread
from percpu_fuzz.fuzz.output.streams import flush, guard

# New ones between two garbage collections. At a start they are made to stay: Python's own number is a seventieth.
OBJECTS = 50_000


def main() -> None:
    """Run the command line. Until a command handles signals itself, the first one ends the process at once, quietly."""
    clock.begin()
    import_nothing_from_here()
    gc.set_threshold(OBJECTS)
    keep_cache_of_the_user()
    for number in asking():
        signal.signal(number, leave)
    guard()
    one_blas_thread()
    from percpu_fuzz.fuzz.cli import call

    end(call())


def import_nothing_from_here() -> None:
    """Processes that start from nothing begin with the current folder on their path, and it may be one that was sent:
    they do not, unless this one was started so (python -m).
    """
    try:
        here = os.getcwd()
    except OSError:  # it was removed
        here = ""
    if not {"", ".", here} & set(sys.path):
        os.environ["PYTHONSAFEPATH"] = "1"


def keep_cache_of_the_user() -> None:
    """Where the project is installed, and not a checkout, machine code goes to the user's cache folder."""
    home = Path(__file__).resolve().parents[1]
    if not any((folder / "pyproject.toml").is_file() for folder in (home, home.parent)):
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        os.environ.setdefault("PERCPU_FUZZ_CACHE", str(caches / "percpu-fuzz"))


def end(status: int) -> None:
    """Leave with what was printed and logged in place. Taking down the compiler's objects one by one, as the
    interpreter would, takes most of a second and serves nobody.
    """
    for stream in (sys.stdout, sys.stderr):
        flush(stream)
    atexit._run_exitfuncs()
    os._exit(status)
