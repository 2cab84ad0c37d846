"""Files: bytes and JSON of recorded data, plain or gzip, with every failure as one line."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from percpu_fuzz.engine.errors import InputError

T = TypeVar("T")
GZIP_MAGIC = b"\x1f\x8b"


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked if it is gzip. Raises InputError naming the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "a readable file") from None
    if data[:2] != GZIP_MAGIC:
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(str(path), f"a damaged gzip stream ({error})", "a whole gzip file") from None


def file_of(folder: Path, name: str) -> Path | None:
    """The file of that name in a run's folder, plain or gzip; None if it is not there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def decode_json(data: bytes, shape: type[T], where: str, allowed: str) -> T:
    """JSON of the given msgspec shape. The InputError carries msgspec's message, which ends with the element's path."""
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(where, " ".join(str(error).split()), allowed) from None


def read_json(path: Path, shape: type[T], allowed: str) -> T:
    """decode_json of a file's content."""
    return decode_json(read_bytes(path), shape, str(path), allowed)
