"""A finished (or interrupted) campaign read back from its folder, without writing to it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.errors import InputError
from engine.outcome import Outcome
from fuzz.schedule import STREAMS
from reports.campaign import Campaign, gather

ALLOWED = "an output folder of percpu-fuzz run"


def read_campaign(folder: Path) -> Campaign:
    """The campaign in an output folder: its whole batches 0..K-1 of each stream. InputError if there is none.

    What the store does not hold (seconds, workers, budget) is 0 or None.
    """
    path = folder / "campaign.db"
    if not path.is_file():
        raise InputError(str(folder), "no campaign.db", ALLOWED)
    try:
        connection = sqlite3.connect(address(path), uri=True)
        try:
            return _campaign(connection, folder)
        finally:
            connection.close()
    except (sqlite3.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(str(path), f"{type(error).__name__}: {error}", ALLOWED) from None


def address(path: Path) -> str:
    """A read-only address; without a log beside it the file is taken as unchanging, and nothing is made beside it."""
    log = path.with_name(path.name + "-wal")
    unchanging = not log.is_file() or log.stat().st_size == 0
    return f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if unchanging else "")


def _campaign(connection: sqlite3.Connection, folder: Path) -> Campaign:
    meta: dict[str, Any] = {k: json.loads(text) for k, text in connection.execute("SELECT key, value FROM meta")}
    for name in ("variant", "seed", "families"):
        meta["describe"][name]
    total = hashlib.sha256()
    for row in rows(connection):
        total.update(row + b"\n")
    outcomes = map(Outcome.from_canonical, rows(connection))
    return gather(
        outcomes,
        describe=meta["describe"],
        digest=total.hexdigest(),
        seconds=0.0,
        compile_seconds=0.0,
        interrupted=False,
        stopped_by="not recorded",
        workers=0,
        out=str(folder),
        command=meta["command"],
        findings=meta.get("findings", ()),
        operations=meta.get("operations", ()),
    )


def rows(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Rows 0..K-1 of each stream in the order of the digest; what lies behind a gap is left out."""
    for stream in sorted(STREAMS):
        query = "SELECT k, row FROM batch WHERE stream = ? ORDER BY k"
        for place, (k, row) in enumerate(connection.execute(query, (stream,))):
            if k != place:
                break
            yield row
