"""What `percpu-fuzz explore` has completed, as rows for a campaign's certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.core.compiled import code_version
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.reports.figures.certificate import certificate_line
from percpu_fuzz.strategies.reading import read_bytes

EXPLORED = "--explored"
EXPLORE_FOLDERS = "folders that percpu-fuzz explore wrote, of the same variant and code"
CERTIFIED = ("variant", "code", "scope", "complete", "stopped", "states", "terminal_states", "violations",
        "collision_probability", "reduction")  # fmt: skip


def explored_rows(text: str | None, variant: str) -> list[dict[str, Any]]:
    """The rows of scope.json in folders separated by commas. InputError for what is not, or is of something else."""
    return [_row(Path(name.strip()), variant) for name in (text or "").split(",") if name.strip()]


def _row(folder: Path, variant: str) -> dict[str, Any]:
    path = folder / "scope.json"
    try:
        stored = json.loads(read_bytes(path))
        row = {name: stored[name] for name in CERTIFIED}
        certificate_line(row)
    except InputError as error:
        raise InputError(EXPLORED, f"{path}: {error.given}", EXPLORE_FOLDERS) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(EXPLORED, f"{path}: {type(error).__name__}: {error}", EXPLORE_FOLDERS) from None
    if row["variant"] != variant:
        raise InputError(EXPLORED, f"{path} is of variant {row['variant']!r}", f"variant {variant!r}")
    if row["code"] != code_version():
        raise InputError(EXPLORED, f"{path} is of code {row['code']}", f"code {code_version()}")
    return row
