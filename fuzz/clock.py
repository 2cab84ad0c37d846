"""When this process began: budgets that a person waits for count what was loaded, too."""

from __future__ import annotations

import time

_begun: list[float] = []


def begin() -> None:
    """The process has begun now."""
    _begun.append(time.monotonic())


def seconds_so_far() -> float:
    """Since begin(); 0 where the command line was not entered through fuzz/entry.py."""
    return time.monotonic() - _begun[0] if _begun else 0.0
