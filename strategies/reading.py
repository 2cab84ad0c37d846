"""Reading: the content of a file that nobody vouches for, plain or packed (gzip, bzip2, xz); every failure is one line.

`Unpacked` reads from front to back in bounded memory, and so does `lines_of`; `read_bytes`, `read_text` and `read_json`
take the whole, of which there is a limit. Regular files and pipes are read: a device need not have an end.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import msgspec

from percpu_fuzz.engine.errors import InputError

T = TypeVar("T")
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, OSError)
CONTENT_MAX_BYTES = 16 << 20  # the largest finding that fits a size class has 10.3 million bytes
LINES_MAX_BYTES = 256 << 20  # of a file that is read line by line
READ_MAX_BYTES = 1 << 20  # and so of a line
TEXT_LINES_MAX = 1 << 20  # of a text that is kept whole: each takes far more room than a byte
XZ_MEMORY_BYTES = 128 << 20
HEAD_BYTES = 512


class _Xz(io.RawIOBase):
    """What an xz stream unpacks to, in bounded memory: a file says itself how much its dictionary takes."""

    def __init__(self, packed: io.BufferedReader) -> None:
        self._packed = packed
        self._decompressor = lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room, data = memoryview(buffer), b""
        while not data:
            fed = b""
            if self._decompressor.eof:
                fed = self._decompressor.unused_data.lstrip(b"\0") or self._packed.read(READ_MAX_BYTES).lstrip(b"\0")
                if not fed:
                    return 0
                self._decompressor = lzma.LZMADecompressor(memlimit=XZ_MEMORY_BYTES)
            elif self._decompressor.needs_input and not (fed := self._packed.read(READ_MAX_BYTES)):
                raise EOFError("it ends before its end marker")
            data = self._decompressor.decompress(fed, len(room))
        room[: len(data)] = data
        return len(data)


Packed = gzip.GzipFile | bz2.BZ2File | io.BufferedReader
PACKED: dict[bytes, tuple[str, Callable[[io.BufferedReader], Packed]]] = {
    b"\x1f\x8b": ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lambda stream: io.BufferedReader(_Xz(stream))),
}


def is_tar(head: bytes) -> bool:
    """Whether content that begins so is a tar archive."""
    return head[257:262] == b"ustar"


def open_bytes(path: Path, allowed: str = "a readable file") -> io.BufferedReader:
    """A file or pipe opened for reading. InputError naming it if it cannot be."""
    try:
        mode = path.stat().st_mode  # before it is opened: some devices do something then
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISDIR(mode)):
            raise InputError(str(path), "a device or socket", "a file or a pipe")
        return path.open("rb")
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), allowed) from None


def unpacked(stream: io.BufferedReader) -> io.BufferedReader | Packed:
    """The stream, or what it unpacks to if it begins as gzip, bzip2 or xz does."""
    start = stream.peek(6)[:6]
    opened = next((opened for magic, (_, opened) in PACKED.items() if start.startswith(magic)), None)
    return stream if opened is None else opened(stream)


def damage_of(error: Exception, stream: object, where: str) -> InputError:
    """The refusal for what reading of an unpacked stream raised: the system's error, or a damaged file of its kind."""
    if isinstance(error, OSError) and error.errno is not None:
        return InputError(where, error.strerror or str(error), "a readable file")
    kind = "gzip" if isinstance(stream, gzip.GzipFile) else "bzip2" if isinstance(stream, bz2.BZ2File) else "xz"
    return InputError(where, f"a damaged {kind} stream ({error})", f"a whole {kind} file")


class Unpacked:
    """A file, unpacked if it is gzip, bzip2 or xz.

    It is read forwards only, and never beyond `limit_bytes` (None: all) of content.

    Has the methods that tarfile asks of a file. Raises InputError, naming the file, for whatever goes wrong.
    """

    def __init__(self, path: Path, limit_bytes: int | None = CONTENT_MAX_BYTES) -> None:
        self.where = str(path)
        self.limit_bytes = limit_bytes
        self._position = 0
        self._file = open_bytes(path)
        try:
            self._content = unpacked(self._file)
            self.head = self._take(HEAD_BYTES)
        except (InputError, OSError) as error:
            self._file.close()
            raise error if isinstance(error, InputError) else damage_of(error, self._file, self.where) from None
        self._ahead = self.head

    def __enter__(self) -> Unpacked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _take(self, size: int) -> bytes:
        try:
            return self._content.read(size)
        except DAMAGED as error:
            raise damage_of(error, self._content, self.where) from None

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end only."""
        if size < 0 or size > READ_MAX_BYTES:
            raise InputError(self.where, f"a part of {size} bytes", f"parts of at most {READ_MAX_BYTES} bytes")
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(data) < size:
            data += self._take(size - len(data))
        self._position += len(data)
        if self.limit_bytes is not None and self._position > self.limit_bytes:
            raise InputError(self.where, "unpacks to more", f"at most {self.limit_bytes} bytes of content")
        return data

    def seek(self, offset: int) -> int:
        """Go forwards by reading; a place past the end is the end."""
        if offset < self._position:
            raise InputError(self.where, f"a part at {offset}, before the last one", "parts one after the other")
        while self._position < offset and self.read(min(offset - self._position, READ_MAX_BYTES)):
            pass
        return self._position

    def tell(self) -> int:
        return self._position

    def rest(self) -> bytes:
        """All that is left."""
        return b"".join(iter(lambda: self.read(READ_MAX_BYTES), b""))


def read_bytes(path: Path, limit_bytes: int = CONTENT_MAX_BYTES) -> bytes:
    """The content of a file of at most so many bytes. Raises InputError naming the file."""
    with Unpacked(path, limit_bytes) as file:
        return file.rest()


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file of at most LINES_MAX_BYTES, without their ends. Raises InputError naming the file."""
    with Unpacked(path, LINES_MAX_BYTES) as file:
        number, rest = 1, b""
        while block := file.read(READ_MAX_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
            number += len(lines)
            if len(rest) > READ_MAX_BYTES:
                raise InputError(f"{path}, line {number}", "a longer line", f"at most {READ_MAX_BYTES} bytes")
        if rest:
            yield rest


def text_of(data: bytes, where: str) -> str:
    """UTF-8 text, a byte order mark dropped. Raises InputError for bytes that are none."""
    if data.count(b"\n") > TEXT_LINES_MAX:
        raise InputError(where, "more lines", f"at most {TEXT_LINES_MAX}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(where, f"no UTF-8 text (byte {error.start})", "a text file") from None


def read_text(path: Path) -> str:
    """The text of a file of at most CONTENT_MAX_BYTES."""
    return text_of(read_bytes(path), str(path))


def decode_json(data: bytes, shape: type[T], where: str, allowed: str) -> T:
    """JSON of the given msgspec shape. The InputError carries msgspec's message, which ends with the element's path."""
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(where, " ".join(str(error).split()), allowed) from None


def read_json(path: Path, shape: type[T], allowed: str) -> T:
    """decode_json of a file's content."""
    return decode_json(read_bytes(path), shape, str(path), allowed)


def file_of(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder, plain or gzip; None if it is not there."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
