"""A finished, interrupted or running campaign read from its store, without writing to it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS, Outcome
from percpu_fuzz.fuzz.schedule import WHOLE, Shard
from percpu_fuzz.fuzz.store.named_values import checked
from percpu_fuzz.fuzz.store.store import VERSION, Store, digest_of, unpacked
from percpu_fuzz.reports.campaign import Campaign, RunFacts, gather

ALLOWED = "an output folder of percpu-fuzz run"
NOTHING: Mapping[str, Any] = {}


def read_campaign(folder: Path) -> Campaign:
    """The campaign in an output folder: its whole batches 0..K-1 of each stream. InputError if there is none.

    Of a campaign that has not ended, seconds, workers and budget are 0 or None.
    """
    path = folder / "campaign.db"
    if not path.is_file():
        raise InputError(str(folder), "no campaign.db", ALLOWED)
    try:
        connection = sqlite3.connect(address(path), uri=True)
        try:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            if found != VERSION:
                raise InputError(str(path), f"a store of version {found}", f"version {VERSION}")
            return campaign_of(connection, folder)
        finally:
            connection.close()
    except (sqlite3.Error, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(str(path), f"{type(error).__name__}: {error}", ALLOWED) from None


def read_given(folder: Path) -> dict[str, str]:
    """The options that a campaign was run with, as text. InputError if there is no campaign in the folder."""
    path = folder / "campaign.db"
    if not path.is_file():
        raise InputError(str(folder), "no campaign.db", ALLOWED)
    try:
        connection = sqlite3.connect(address(path), uri=True)
        try:
            found = connection.execute("SELECT value FROM meta WHERE key = 'given'").fetchone()
        finally:
            connection.close()
        return {str(name): str(text) for name, text in json.loads(found[0]).items()}
    except (sqlite3.Error, ValueError, TypeError, AttributeError) as error:
        raise InputError(str(path), f"{type(error).__name__}: {error}", ALLOWED) from None


def read_exit(folder: Path) -> int | None:
    """The exit status that a campaign ended with; None while it has not. InputError for what is no exit status."""
    path = folder / "campaign.db"
    try:
        with contextlib.closing(sqlite3.connect(address(path), uri=True)) as connection:
            found = connection.execute("SELECT value FROM meta WHERE key = 'exit'").fetchone()
        exit_status = None if found is None else json.loads(found[0])
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise InputError(str(path), f"{type(error).__name__}: {error}", ALLOWED) from None
    if exit_status not in (None, 0, 1, 2, 3, 4) or isinstance(exit_status, bool):
        raise InputError(f"{path}, exit", repr(exit_status), "0 to 4")
    return None if exit_status is None else int(exit_status)


def gathered(store: Store, folder: Path, named: Mapping[str, Any]) -> Campaign:
    """The same of a store that this process writes. named: values that count in place of stored ones."""
    return campaign_of(store.connection, folder, named)


def address(path: Path) -> str:
    """A read-only address; without a log beside it the file is taken as unchanging, and nothing is made beside it."""
    log = path.with_name(path.name + "-wal")
    unchanging = not log.is_file() or log.stat().st_size == 0
    return f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if unchanging else "")


def campaign_of(connection: sqlite3.Connection, folder: Path, named: Mapping[str, Any] = NOTHING) -> Campaign:
    """Fold what a store holds. KeyError and the like if it is not a campaign's."""
    meta: dict[str, Any] = {k: json.loads(text) for k, text in connection.execute("SELECT key, value FROM meta")}
    meta |= named
    checked(meta)
    shard = Shard(*meta["shard"]) if "shard" in meta else WHOLE
    ran: dict[str, Any] = meta.get("ran", {})
    prefix = ran.get("prefix")
    most = {} if prefix is None else dict(zip(STREAMS, prefix, strict=True))
    outcomes = map(Outcome.from_canonical, rows(connection, shard, most))
    known = {field.name for field in fields(RunFacts)}
    facts = {name: value for name, value in (meta | ran).items() if name in known}
    facts |= {"command": meta["command"], "out": str(folder), "digest": digest_of(rows(connection, shard, most))}
    return gather(outcomes, RunFacts(**facts))


def rows(connection: sqlite3.Connection, shard: Shard, most: dict[str, int]) -> Iterator[bytes]:
    """The first rows of each stream in the order of the digest, up to the first that is missing; at most so many."""
    for stream in sorted(STREAMS):
        query = "SELECT k, row FROM batch WHERE stream = ? AND k % ? = ? ORDER BY k"
        found = connection.execute(query, (stream, shard.count, shard.index))
        for place, (k, blob) in enumerate(found):
            if k != shard.number(place) or place == most.get(stream):
                break
            yield unpacked(blob)
