"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from percpu_fuzz.engine.errors import InputError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


def is_full(error: BaseException) -> bool:
    """Whether it says that nothing more can be written there, and not that we do it wrong."""
    if isinstance(error, OSError):
        return error.errno in DISK_FULL
    return isinstance(error, sqlite3.OperationalError)


def json_text(content: dict[str, object]) -> str:
    """Canonical JSON: sorted keys, indent 1, ASCII."""
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=True) + "\n"


def write_json(path: Path, content: dict[str, object]) -> None:
    """Canonical JSON that is there whole or not at all."""
    write_whole(path, json_text(content).encode("ascii"))


def write_whole(path: Path, text: bytes) -> None:
    """Write a file through a rename, so that no reader ever sees half of it."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def write_output(path: Path, content: bytes, option: str, make_folder: bool = False) -> None:
    """Write the file that an option names, in a folder that is there or is made. InputError where that fails."""
    if not path.name:
        raise InputError(option, repr(str(path)), "the name of a file")
    path = path.resolve()  # the file that a link points to is written, and the link stays
    if path.exists() and not path.is_file():
        raise InputError(option, f"{path} is there and is no file", "a new file, or one to replace")
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise InputError(option, f"{path}: {error.strerror}", "a file that can be written") from None


STORE_FILES = ("campaign.db", "campaign.db-wal", "campaign.db-shm", "campaign.lock", "campaign.log")


@contextlib.contextmanager
def nothing_left_if_refused(out: Path) -> Iterator[None]:
    """Around the making of a new output folder: what is refused leaves no folder, and nothing in one that was there."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    was_empty = out in made or (out.is_dir() and not any(out.iterdir()))
    try:
        yield
    except InputError:
        if was_empty:
            with contextlib.suppress(OSError):  # there is no such folder, or somebody else has put something there
                for name in STORE_FILES:
                    (out / name).unlink(missing_ok=True)
                for folder in made:
                    folder.rmdir()
        raise
