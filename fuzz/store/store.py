"""campaign.db: one row a batch, what happened, and a few named values, in SQLite; exact after a kill at any moment."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS, Outcome
from percpu_fuzz.fuzz.output.folder import Lock, check_own
from percpu_fuzz.fuzz.schedule import WHOLE, BatchCounts, BatchId, Shard
from percpu_fuzz.fuzz.store.named_values import decoded
from percpu_fuzz.fuzz.store.possible import impossible
from percpu_fuzz.reports.stored_rows import FailedBatch

WHOLE_STORE = "a store that PRAGMA quick_check finds whole"
ROW_MAX_BYTES = 4 << 20  # a batch's row has 25 thousand
VALUE_MAX_BYTES = 8 << 20  # a value by name has 80 thousand
OWN_ROWS = "rows that this release wrote"
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
    one = zlib.decompressobj()
    row = one.decompress(blob, ROW_MAX_BYTES)
    if not one.eof or one.unused_data:
        raise zlib.error(f"cut off, or of more than {ROW_MAX_BYTES} bytes")
    return row


class StoreFile:
    """campaign.db as it is read, by whoever has opened it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX_BYTES)

    def check_version(self, versions: Sequence[int] = (VERSION,)) -> None:
        """InputError for a store of another release. sqlite3.Error if it cannot be read at all."""
        found = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in versions:
            allowed = f"version {VERSION}, which this release writes"
            raise InputError(str(self.path), f"a store of version {found}", allowed)

    def check_tables(self) -> None:
        """InputError for other tables than ours: a view or a trigger would have its own say in what is read."""
        if tables(self.connection) != TABLES_MADE:
            raise InputError(str(self.path), "other tables, views or triggers", "a store that this release wrote")

    def check_pages(self) -> None:
        """InputError for damaged pages and values of another type. sqlite3.Error if it cannot be read at all."""
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
        return (row for _, row in self._first_rows(prefix, shard))

    def _first_rows(self, prefix: BatchCounts | None, shard: Shard) -> Iterator[tuple[BatchId, bytes]]:
        query = "SELECT k, row FROM batch WHERE stream = ? AND k % ? = ? ORDER BY k"
        for stream in sorted(STREAMS):
            found = self.connection.execute(query, (stream, shard.count, shard.index))
            for place, (k, blob) in enumerate(found):
                if k != shard.number(place) or (prefix is not None and place == prefix.of(stream)):
                    break
                yield BatchId(stream, k), self._unpacked(blob, BatchId(stream, k))

    def _unpacked(self, blob: bytes, batch: BatchId) -> bytes:
        try:
            return unpacked(blob)
        except (zlib.error, TypeError) as error:
            raise InputError(str(self.path), f"{batch}: {error}", OWN_ROWS) from None

    def outcomes(self, prefix: BatchCounts | None, shard: Shard = WHOLE) -> Iterator[Outcome]:
        """rows() as Outcomes, one at a time: an hour of batches need not fit into memory."""
        return (self.outcome_of(row, batch) for batch, row in self._first_rows(prefix, shard))

    def outcome(self, batch: BatchId) -> Outcome:
        """A batch that is there."""
        row = self.row(batch)
        assert row is not None, f"{batch} is not there"
        return self.outcome_of(row, batch)

    def outcome_of(self, row: bytes, batch: BatchId) -> Outcome:
        """InputError for a row that is no batch's, or another one's."""
        try:
            outcome = Outcome.from_canonical(row)
        except ValueError as error:
            raise InputError(str(self.path), f"{batch}: {error}", OWN_ROWS) from None
        if BatchId(outcome.stream, outcome.k) != batch:
            raise InputError(str(self.path), f"{batch}: the row of another batch", OWN_ROWS)
        if amiss := impossible(outcome):
            raise InputError(str(self.path), f"{batch}: {amiss}", OWN_ROWS)
        return outcome

    def named(self) -> dict[str, Any]:
        """The values kept by name. ValueError for one that is not of its shape."""
        return decoded(self.connection.execute("SELECT key, value FROM meta"))

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

    One process writes a store at a time: the second one is refused (InputError). lock: of its folder, if the caller
    holds it and will release it.
    """

    def __init__(self, path: Path, lock: Lock | None = None) -> None:
        check_own(path.parent)
        self.own_lock = Lock(path.parent) if lock is None else None
        try:
            super().__init__(path, sqlite3.connect(path, isolation_level=None))
            self._check()
            self.connection.executescript(TABLES)
            self.check_tables()
        except BaseException:
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

    def add_failed(self, batch: BatchId, row: bytes, failed: FailedBatch) -> None:
        """Keep a batch that was given up together with what its tries said: neither is there without the other."""
        with self.together():
            self.add(batch, row, 0.0)
            rows = [*self.failed(), msgspec.structs.asdict(failed)]
            self.set_meta("failed", sorted(rows, key=lambda row: (row["stream"], row["k"])))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is kept whole or not at all."""
        self.connection.execute("BEGIN")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
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
        if hasattr(self, "connection"):
            super().close()
        if self.own_lock is not None:
            self.own_lock.release()


def tables(connection: sqlite3.Connection) -> set[tuple[str, str, str | None]]:
    """Everything that a database holds by name: kind, name, and the statement that made it."""
    found = connection.execute("SELECT type, name, sql FROM sqlite_schema")
    return {(kind, name, sql and " ".join(sql.split())) for kind, name, sql in found}


def _tables_made() -> set[tuple[str, str, str | None]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(TABLES)
        return tables(connection)


TABLES_MADE = _tables_made()


def digest_of(rows: Iterable[bytes]) -> str:
    """SHA-256 (hex) over canonical rows in the order of engine.outcome.digest."""
    total = hashlib.sha256()
    for row in rows:
        total.update(row)
        total.update(b"\n")
    return total.hexdigest()
