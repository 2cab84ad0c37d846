"""The one writer of every output: a file is there whole or not at all, and nothing else is touched for it.

What is written first lies in a file with a name of its own in the target's folder, made with O_EXCL, which then takes
the target's name.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.interrupts import taken_away

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
OPEN_FILES = ("/dev/std", "/dev/fd/", "/proc/")  # names of what somebody has open: never renamed over


def is_full(error: BaseException) -> bool:
    """Whether it says that nothing more can be written there, and not that we do it wrong."""
    if isinstance(error, OSError):
        return error.errno in DISK_FULL
    return isinstance(error, sqlite3.OperationalError)


def utf8(text: str) -> bytes:
    """Text as a file holds it; half of a character, which a name from outside may hold, as an escape."""
    return text.encode("utf-8", "backslashreplace")


def json_text(content: dict[str, object]) -> str:
    """Canonical JSON: sorted keys, indent 1, ASCII."""
    return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=True) + "\n"


def write_json(path: Path, content: dict[str, object]) -> None:
    """Canonical JSON that is there whole or not at all."""
    write_whole(path, utf8(json_text(content)))


def write_whole(path: Path, text: bytes) -> None:
    """Write a file so that no reader ever sees half of it. A link of that name is replaced, not followed."""
    with replacing(path) as file:
        file.write(text)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file, open for writing, that takes the name `path` once all went well; else it is gone."""
    with taken_away():
        part, descriptor = _new_file(path.parent)
        try:
            with open(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _new_file(folder: Path) -> tuple[Path, int]:
    """A file that was not there before, and its descriptor."""
    while True:
        path = folder / f".percpu-fuzz-{secrets.token_hex(8)}"
        with contextlib.suppress(FileExistsError):
            return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def write_output(path: Path, content: bytes, option: str, make_folder: bool = False) -> None:
    """Write the file that an option names, in a folder that is there or is made. InputError where that fails."""
    with output_file(path, option, make_folder) as file:
        file.write(content)


@contextlib.contextmanager
def output_file(path: Path, option: str, make_folder: bool = False) -> Iterator[BinaryIO]:
    """The file that an option names, open for writing: there whole or not at all, an earlier one replaced.

    The file that a link points to is written, and the link stays. A terminal, /dev/null or a pipe is written into.
    InputError for what is neither and where writing fails.
    """
    if not path.name:
        raise InputError(option, repr(str(path)), "the name of a file")
    try:
        if _is_stream(path, option):
            with open(os.open(path, os.O_WRONLY | os.O_CLOEXEC), "wb") as file:
                yield file
            return
        path = _followed(path, option)
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            yield file
    except BrokenPipeError:
        raise  # whoever read what goes into a pipe has left: as of standard output
    except OSError as error:
        raise InputError(option, f"{path}: {error.strerror}", "a file that can be written") from None


def _followed(path: Path, option: str) -> Path:
    """The file that a link names, or the path itself. InputError for a link that somebody laid where everybody may."""
    if not path.is_symlink():
        return Path(os.path.realpath(path.parent)) / path.name
    owner, folder = path.lstat().st_uid, path.parent.stat()
    is_open = folder.st_mode & stat.S_IWOTH and folder.st_mode & stat.S_ISVTX
    if is_open and owner not in (os.geteuid(), folder.st_uid):  # as fs.protected_symlinks of the kernel
        raise InputError(option, f"{path} is a link that user {owner} has laid there", "a file or a link of your own")
    return Path(os.path.realpath(path))


def _is_stream(path: Path, option: str) -> bool:
    """Whether it is to be written into as it is. InputError for what is there and can be neither that nor replaced."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISREG(mode):
        return os.path.abspath(path).startswith(OPEN_FILES)
    if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        raise InputError(option, f"{path} is there and is no file", "a new file, or one to replace")
    return True
