"""Who is told of each function that is compiled. Loads nothing, so that a command can listen before numba is there.

What comes out of the cache is not compiled, and nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[[str], None]
LISTENERS: list[Listener] = []
COMPILED_HERE: list[str] = []  # in this process so far


def tell(function: str) -> None:
    """The function with this name begins to be compiled."""
    COMPILED_HERE.append(function)
    for listener in LISTENERS:
        listener(function)
