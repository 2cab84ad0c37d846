"""The entries that there are, and where machine code of some is kept instead: known before numba is loaded."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

entries: dict[tuple[str, str], Any] = {}
own_folders: dict[Any, Path] = {}


def entry_at(module: str, name: str) -> Any:
    """The entry with this name, a copy in an engine of a user's own too."""
    if (module, name) not in entries:
        import_module(module)
    return entries[module, name]


def keep_in(py_func: Any, folder: Path) -> None:
    """Keep machine code of this one function below `folder`, whatever linking.keep_below says."""
    own_folders[py_func] = folder
