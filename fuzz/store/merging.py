"""Several output folders of one campaign joined into one: their batches together, each once."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.fuzz.files import is_full
from percpu_fuzz.fuzz.schedule import EPOCH_BATCHES, BatchId
from percpu_fuzz.fuzz.settings import SETTINGS
from percpu_fuzz.fuzz.store.named_values import checked
from percpu_fuzz.fuzz.store.reading import CAMPAIGN_FOLDER, damage_refused, opened
from percpu_fuzz.fuzz.store.resuming import described_differences
from percpu_fuzz.fuzz.store.store import Store, StoreFile


@dataclass(slots=True)
class Part:
    """One folder's store, open for reading."""

    folder: Path
    store: StoreFile
    meta: dict[str, Any]

    def given_up(self) -> dict[BatchId, dict[str, Any]]:
        """Batches that no try could run, with what their tries said."""
        return {BatchId(row["stream"], row["k"]): row for row in self.meta.get("failed", [])}


@dataclass(slots=True)
class Merged:
    """What came together: batches of each folder, how many are in several, and those whose rows differ.

    given, seconds: options and seconds of work of all folders. failed: batches that no folder could run, by number;
    run_elsewhere: those that one gave up and another ran.
    """

    batches: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    differing: list[str] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    failed: dict[BatchId, dict[str, Any]] = field(default_factory=dict)
    run_elsewhere: set[BatchId] = field(default_factory=set)


def parts_of(folders: Sequence[Path], stack: contextlib.ExitStack) -> list[Part]:
    """The folders' stores, open until the stack ends.

    InputError unless all folders hold parts of one campaign: the same configuration, the same code.
    """
    parts = [part_of(folder, stack) for folder in folders]
    for other in parts[1:]:
        found = described_differences(parts[0].meta["describe"], other.meta["describe"])
        if found:
            raise InputError(str(other.folder), "; ".join(found), f"the configuration and code of {folders[0]}")
    return parts


def merge_parts(parts: Sequence[Part], given: Mapping[str, str], store: Store) -> Merged:
    """Copy every batch of the parts into an empty store. given: the options of the whole."""
    merged = Merged(given=dict(given))
    with store.together():
        for one in parts:
            try:
                copy(one, store, merged)
            except sqlite3.DatabaseError as error:
                if is_full(error):
                    raise
                raise InputError(str(one.folder), f"{type(error).__name__}: {error}", CAMPAIGN_FOLDER) from None
    if SETTINGS["learning"].value(given):
        merged.differing += [text for one in parts for text in learnt_without(one, merged)]
    for key in ("describe", "operations", "stranding", "unreached", "here", "versions"):
        if key in parts[0].meta:
            store.set_meta(key, parts[0].meta[key])
    store.set_meta("failed", [merged.failed[batch] for batch in sorted(merged.failed)])
    store.set_meta("given", merged.given)
    store.set_meta("shard", [0, 1])
    store.set_meta("command", merge_line([str(one.folder) for one in parts], str(store.path.parent)))
    return merged


def merge_line(folders: Sequence[str], out: str) -> str:
    """The command that joins these folders; its output goes to a new folder beside the one that is there."""
    return shell_line(["percpu-fuzz", "merge", *folders, "-o", f"{out}-again"])


def part_of(folder: Path, stack: contextlib.ExitStack) -> Part:
    """A folder's store. InputError if it is none."""
    store = stack.enter_context(contextlib.closing(opened(folder)))
    with damage_refused(store.path):
        meta = store.named()
        next(store.rows_as_added(), None)
        checked(meta)
        meta["given"]["seed"]
    return Part(folder, store, meta)


def copy(one: Part, store: Store, merged: Merged) -> None:
    """Add a part's batches; one that is there already must be the same to the byte, unless either could not be run.

    Of a part that overlaps with those before it, the seconds of work count by the seconds of its further batches.
    """
    given_up = one.given_up()
    count, added, all_seconds, new_seconds = 0, 0, 0.0, 0.0
    for batch, row, seconds in one.store.rows_as_added():
        one.store.outcome_of(row, batch)  # one that is none is refused by the name of the part that it lies in
        there = store.row(batch)
        if there is None:
            store.add(batch, row, seconds)
            added, new_seconds = added + 1, new_seconds + seconds
            if batch in given_up:
                merged.failed[batch] = given_up[batch]
        else:
            merged.duplicates += 1
            if there != row and settle(one, batch, row, seconds, batch in given_up, store, merged):
                new_seconds += seconds
        count += 1
        all_seconds += seconds
    merged.batches[str(one.folder)] = count
    worked = one.meta.get("ran", {}).get("seconds", one.meta.get("elapsed", 0.0))
    merged.seconds += worked * (new_seconds / all_seconds if all_seconds else float(added == count))


def settle(
    one: Part, batch: BatchId, row: bytes, seconds: float, is_given_up: bool, store: Store, merged: Merged
) -> bool:
    """A batch of which two parts hold different rows: the one that was run counts; two that were run differ.

    Whether this part's row was taken.
    """
    if is_given_up:
        merged.run_elsewhere.add(batch)
    elif batch in merged.failed:
        store.replace(batch, row, seconds)
        del merged.failed[batch]
        merged.run_elsewhere.add(batch)
        return True
    else:
        merged.differing.append(f"{batch} of {one.folder}")
    return False


def learnt_without(one: Part, merged: Merged) -> Iterator[str]:
    """A part's batches, by their first, that learnt of one which it gave up, and which another part could run."""
    (most,) = one.store.connection.execute("SELECT max(k) FROM batch WHERE stream = ?", (HUNTING,)).fetchone()
    for batch in one.given_up():
        first = (batch.k // EPOCH_BATCHES + 1) * EPOCH_BATCHES
        if batch not in merged.run_elsewhere:
            continue
        if batch.stream == MEASUREMENT and batch.k < one.meta["describe"].get("pilot", 0):
            yield f"measurement of {one.folder} after its pilot, of which it gave {batch} up,"
        if batch.stream == HUNTING and (most or 0) >= first:
            yield f"{BatchId(HUNTING, first)} of {one.folder}, which gave {batch} up,"
