"""campaign.db: one row a batch, what happened, and a few named values, in SQLite; exact after a kill at any moment."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS, Outcome
from percpu_fuzz.fuzz.schedule import WHOLE, BatchCounts, BatchId, Shard

WHOLE_STORE = "a store that PRAGMA quick_check finds whole"
VERSION = 2  # of the tables and of what is in a row; kept as the file's user_version
TABLES = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA user_version = {VERSION};
CREATE TABLE IF NOT EXISTS batch (
  stream TEXT NOT NULL, k INTEGER NOT NULL, row BLOB NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (stream, k)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS event (at REAL NOT NULL, text TEXT NOT NULL) STRICT;
"""


def packed(row: bytes) -> bytes:
    """A canonical row as it lies in the file."""
    return zlib.compress(row, 6)


def unpacked(blob: bytes) -> bytes:
    """The canonical row; zlib.error if it is none."""
    return zlib.decompress(blob)


class StoreFile:
    """campaign.db as it is read, by whoever has opened it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection

    def check_version(self, versions: Sequence[int] = (VERSION,)) -> None:
        """InputError for a store of another release. sqlite3.Error if it cannot be read at all."""
        found = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in versions:
            allowed = f"version {VERSION}, which this release writes"
            raise InputError(str(self.path), f"a store of version {found}", allowed)

    def check_pages(self) -> None:
        """InputError for damaged pages. sqlite3.Error if it cannot be read at all."""
        amiss = self.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if amiss != "ok":
            raise InputError(str(self.path), f"damaged: {amiss}", WHOLE_STORE)

    def row(self, batch: BatchId) -> bytes | None:
        """A batch's canonical row, None if it is not there."""
        query = "SELECT row FROM batch WHERE stream = ? AND k = ?"
        found = self.connection.execute(query, (batch.stream, batch.k)).fetchone()
        return None if found is None else self._unpacked(found[0], batch)

    def rows_as_added(self) -> Iterator[tuple[BatchId, bytes, float]]:
        """Every batch with its canonical row and the seconds it took."""
        for stream, k, blob, seconds in self.connection.execute("SELECT stream, k, row, seconds FROM batch"):
            batch = BatchId(stream, k)
            yield batch, self._unpacked(blob, batch), seconds

    def numbers(self, stream: str) -> Iterator[int]:
        """The numbers of a stream's batches that are there, ascending."""
        for (k,) in self.connection.execute("SELECT k FROM batch WHERE stream = ? ORDER BY k", (stream,)):
            yield k

    def rows(self, prefix: BatchCounts | None, shard: Shard = WHOLE) -> Iterator[bytes]:
        """Canonical rows of each stream's first batches in the order of the digest, up to the first that is missing.

        prefix: how many at most; None: no limit.
        """
        query = "SELECT k, row FROM batch WHERE stream = ? AND k % ? = ? ORDER BY k"
        for stream in sorted(STREAMS):
            found = self.connection.execute(query, (stream, shard.count, shard.index))
            for place, (k, blob) in enumerate(found):
                if k != shard.number(place) or (prefix is not None and place == prefix.of(stream)):
                    break
                yield self._unpacked(blob, BatchId(stream, k))

    def _unpacked(self, blob: bytes, batch: BatchId) -> bytes:
        try:
            return unpacked(blob)
        except (zlib.error, TypeError) as error:
            raise InputError(str(self.path), f"{batch}: {error}", "rows that this release wrote") from None

    def outcomes(self, prefix: BatchCounts | None, shard: Shard = WHOLE) -> Iterator[Outcome]:
        """rows() as Outcomes, one at a time: an hour of batches need not fit into memory."""
        return map(Outcome.from_canonical, self.rows(prefix, shard))

    def named(self) -> dict[str, Any]:
        """All values kept by name. ValueError for one that is no JSON."""
        return {key: json.loads(text) for key, text in self.connection.execute("SELECT key, value FROM meta")}

    def failed(self) -> list[dict[str, Any]]:
        """Batches that could not be run, in this session and earlier ones, by stream and number."""
        rows: list[dict[str, Any]] = self.named().get("failed", [])
        return rows

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


class Store(StoreFile):
    """campaign.db as it is written. Opened before the workers fork and used by the parent only: a connection must not
    be used across a fork.

    One process writes a store at a time: the second one is refused (InputError). The lock is of POSIX kind, on a file
    beside the store: it ends with this process, however it dies, and forked workers do not inherit it.
    """

    def __init__(self, path: Path) -> None:
        self.lock = locked(path.with_suffix(".lock"))
        super().__init__(path, sqlite3.connect(path, isolation_level=None))
        try:
            self._check()
            self.connection.executescript(TABLES)
        except InputError:
            self.close()
            raise

    def _check(self) -> None:
        """InputError for a store of another version, and for pages or a header that are damaged."""
        try:
            self.check_version((0, VERSION))
            self.check_pages()
        except sqlite3.OperationalError:
            raise  # it cannot be opened or written, which says nothing of what is in it
        except sqlite3.DatabaseError as error:
            raise InputError(str(self.path), f"damaged: {error}", WHOLE_STORE) from None

    def add(self, batch: BatchId, row: bytes, seconds: float) -> None:
        """Keep a batch's canonical row. A batch that is there already stays: retry, resume and merge are one thing."""
        self.connection.execute(
            "INSERT OR IGNORE INTO batch VALUES (?, ?, ?, ?)", (batch.stream, batch.k, packed(row), seconds)
        )

    def add_failed(self, batch: BatchId, row: bytes, failed: Mapping[str, Any]) -> None:
        """Keep a batch that was given up together with what its tries said: neither is there without the other."""
        self.connection.execute("BEGIN")
        try:
            self.add(batch, row, 0.0)
            rows = [*self.failed(), failed]
            self.set_meta("failed", sorted(rows, key=lambda row: (row["stream"], row["k"])))
            self.connection.execute("COMMIT")
        except sqlite3.Error:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def replace(self, batch: BatchId, row: bytes, seconds: float) -> None:
        """Keep a batch's row in place of the one that says that it could not be run."""
        self.connection.execute("REPLACE INTO batch VALUES (?, ?, ?, ?)", (batch.stream, batch.k, packed(row), seconds))

    def note(self, at: float, text: str) -> None:
        """Keep an event: `at` is seconds since 1970."""
        self.connection.execute("INSERT INTO event VALUES (?, ?)", (at, text))

    def set_meta(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        text = json.dumps(value, sort_keys=True)
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))

    def forget(self, key: str) -> None:
        """Drop a value, if it is there."""
        self.connection.execute("DELETE FROM meta WHERE key = ?", (key,))

    def close(self) -> None:
        """Close the file and let others write it."""
        super().close()
        self.path.with_suffix(".lock").unlink(missing_ok=True)
        os.close(self.lock)


def locked(path: Path) -> int:
    """The descriptor of a file that no other process holds. InputError if one does."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise InputError(str(path), "another process holds it", "a campaign that nobody is running") from None
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor  # and not that of a file which its last holder has removed meanwhile
        os.close(descriptor)


def digest_of(rows: Iterable[bytes]) -> str:
    """SHA-256 (hex) over canonical rows in the order of engine.outcome.digest."""
    total = hashlib.sha256()
    for row in rows:
        total.update(row)
        total.update(b"\n")
    return total.hexdigest()
