"""campaign.db: one row a batch and a few named values, in SQLite; exact after a kill at any moment."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.outcome import Outcome
from fuzz.schedule import BatchId, Handed

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS batch (
  stream TEXT NOT NULL, k INTEGER NOT NULL, row BLOB NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (stream, k)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


class Store:
    """Opened before the workers fork and used by the parent only: a connection must not be used across a fork."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript(TABLES)

    def add(self, batch: BatchId, row: bytes, seconds: float) -> None:
        """Keep a batch's canonical row. A batch that is there already stays: retry, resume and merge are one thing."""
        self.connection.execute(
            "INSERT OR IGNORE INTO batch VALUES (?, ?, ?, ?)", (batch.stream, batch.k, row, seconds)
        )

    def rows(self, prefix: Handed) -> Iterator[bytes]:
        """Canonical rows of the first batches of each stream, ordered by stream and number."""
        query = (
            "SELECT row FROM batch WHERE (stream = 'measurement' AND k < ?) OR (stream = 'hunting' AND k < ?)"
            " ORDER BY stream, k"
        )
        for (row,) in self.connection.execute(query, (prefix.measurement, prefix.hunting)):
            yield row

    def outcomes(self, prefix: Handed) -> Iterator[Outcome]:
        """The same rows as Outcomes, one at a time: an hour of batches need not fit into memory."""
        return map(Outcome.from_canonical, self.rows(prefix))

    def digest(self, prefix: Handed) -> str:
        """What engine.outcome.digest says of these outcomes, without building them."""
        total = hashlib.sha256()
        for row in self.rows(prefix):
            total.update(row)
            total.update(b"\n")
        return total.hexdigest()

    def set_meta(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        text = json.dumps(value, sort_keys=True)
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))

    def meta(self, key: str) -> Any:
        """A value kept before. KeyError if there is none."""
        found = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return json.loads(found[0])

    def close(self) -> None:
        self.connection.close()
