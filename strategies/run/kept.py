"""Rows that are counted once for each version of the code and kept beside the machine code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from percpu_fuzz.engine.core.compiled import code_at_start, code_folder
from percpu_fuzz.engine.core.marked_file import marked, read_marked

Rows = list[dict[str, Any]]


def kept_rows(name: str, count: Callable[[], Rows]) -> Rows:
    """The rows that were kept by this name for this code, else those that `count` gives, which are kept."""
    path = code_folder() / f"{name}-{code_at_start()}.json"
    content = read_marked(path)
    if content is not None:
        kept: Rows = json.loads(content)
        return kept
    rows = count()
    with suppress(OSError):  # a cache that cannot be written only costs the next run its time
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(marked(json.dumps(rows).encode()))
        part.replace(path)
    return rows
