"""A campaign read from its store, whether it has ended, was interrupted or runs; without writing to it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.output.folder import BESIDE_DATABASE, check_own
from percpu_fuzz.fuzz.schedule import WHOLE, BatchCounts, Shard
from percpu_fuzz.fuzz.store.named_values import checked
from percpu_fuzz.fuzz.store.store import StoreFile, digest_of
from percpu_fuzz.reports.campaign import Campaign, RunFacts, gather

CAMPAIGN_FOLDER = "an output folder of percpu-fuzz run"
DAMAGE = (
    sqlite3.Error, zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError,
    RecursionError,
)  # fmt: skip
BEGUN = "one that has begun; of this one nothing is lost: run it anew, into another folder"
NOTHING: Mapping[str, Any] = {}


@contextlib.contextmanager
def damage_refused(path: Path) -> Iterator[None]:
    """Around the reading of a store: what it holds may be anybody's, and whatever breaks of it is one InputError."""
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        raise InputError(str(path), f"{type(error).__name__}: {error}", CAMPAIGN_FOLDER) from None


def opened(folder: Path) -> StoreFile:
    """The store in an output folder, to be read only. InputError if there is none, or one of another release."""
    path = folder / "campaign.db"
    if not path.is_file():
        raise InputError(str(folder), "no campaign.db", CAMPAIGN_FOLDER)
    check_own(folder, BESIDE_DATABASE)
    with damage_refused(path):
        store = StoreFile(path, sqlite3.connect(address(path), uri=True))
        try:
            store.check_version()
            store.check_tables()
            store.check_pages()
        except Exception:
            store.close()
            raise
        return store


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[StoreFile]:
    """The store of opened(), closed afterwards; damage that shows while it is read is refused too."""
    with contextlib.closing(opened(folder)) as store, damage_refused(store.path):
        yield store


def address(path: Path) -> str:
    """A read-only address; without a log beside it the file is taken as unchanging, and nothing is made beside it."""
    log = path.with_name(path.name + "-wal")
    unchanging = not log.is_file() or log.stat().st_size == 0
    return f"file:{quote(os.fsencode(path.resolve()))}?mode=ro" + ("&immutable=1" if unchanging else "")


def read_campaign(folder: Path) -> Campaign:
    """The campaign in an output folder: its whole batches 0..K-1 of each stream. InputError if there is none.

    Of a campaign that has not ended, seconds, workers and budget are 0 or None.
    """
    with reading(folder) as store:
        return campaign_of(store, folder)


def read_given(folder: Path) -> dict[str, str]:
    """The options that a campaign was run with, as text. InputError if there is no campaign in the folder."""
    with reading(folder) as store:
        named = store.named()
        if "given" not in named:
            raise InputError(str(folder), "a campaign that was ended before it began", BEGUN)
        given: dict[str, str] = named["given"]
        return given


def read_exit(folder: Path) -> int | None:
    """The exit status that a campaign ended with; None while it has not."""
    with reading(folder) as store:
        exit_status: int | None = store.named().get("exit")
        return exit_status


def campaign_of(store: StoreFile, folder: Path, named: Mapping[str, Any] = NOTHING) -> Campaign:
    """Fold what a store holds. named: values that count in place of stored ones.

    KeyError and the like if it is not a campaign's.
    """
    meta = store.named() | dict(named)
    ran = checked(meta)
    shard = Shard(*meta["shard"]) if "shard" in meta else WHOLE
    ends = ran.pop("prefix")
    prefix = None if ends is None else BatchCounts(*ends)
    facts = RunFacts(
        describe=meta["describe"], digest=digest_of(store.rows(prefix, shard)), out=str(folder),
        command=meta["command"], findings=meta.get("findings", ()), operations=meta.get("operations", ()),
        stranding=meta.get("stranding", ()), unreached=meta.get("unreached", ()),
        here=meta.get("here", {}),
        failed=meta.get("failed", ()), began=meta.get("began", ""),
        version=meta.get("versions", {}).get("percpu-fuzz", ""), own_files=meta.get("own_files", {}), **ran,
    )  # fmt: skip
    return gather(store.outcomes(prefix, shard), facts)
