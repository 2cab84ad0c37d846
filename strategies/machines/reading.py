"""Reading: the content of a file that nobody vouches for, plain or gzip, from front to back in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from percpu_fuzz.engine.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
CONTENT_MAX_BYTES = 64 << 20
READ_MAX_BYTES = 1 << 20
HEAD_BYTES = 512


class Unpacked:
    """A file, unpacked if it is gzip. It is read forwards only, and never beyond `limit_bytes` of content.

    Has the methods that tarfile asks of a file. Raises InputError, naming the file, for whatever goes wrong.
    """

    def __init__(self, path: Path, limit_bytes: int = CONTENT_MAX_BYTES) -> None:
        self.where = str(path)
        self.limit_bytes = limit_bytes
        self._position = 0
        try:
            file = path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from None
        self._file = file
        self._content: BinaryIO = file
        self.head = b""
        try:
            if file.peek(2)[:2] == GZIP_MAGIC:
                self._content = cast(BinaryIO, gzip.GzipFile(fileobj=file))
            self.head = self._take(HEAD_BYTES)
        except (InputError, OSError) as error:
            file.close()
            raise error if isinstance(error, InputError) else self._unreadable(error) from None
        self._ahead = self.head

    def __enter__(self) -> Unpacked:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def _unreadable(self, error: OSError) -> InputError:
        return InputError(self.where, error.strerror or str(error), "a readable file")

    def _take(self, size: int) -> bytes:
        try:
            return self._content.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(self.where, f"a damaged gzip stream ({error})", "a whole gzip file") from None
        except OSError as error:
            raise self._unreadable(error) from None

    def read(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end only."""
        if size < 0 or size > READ_MAX_BYTES:
            raise InputError(self.where, f"a part of {size} bytes", f"parts of at most {READ_MAX_BYTES} bytes")
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(data) < size:
            data += self._take(size - len(data))
        self._position += len(data)
        if self._position > self.limit_bytes:
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
        parts = []
        while part := self.read(READ_MAX_BYTES):
            parts.append(part)
        return b"".join(parts)


def text_of(data: bytes, where: str) -> str:
    """UTF-8 text, a byte order mark dropped. Raises InputError for bytes that are none."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(where, f"no UTF-8 text (byte {error.start})", "a text file") from None


def read_text(path: Path, limit_bytes: int = CONTENT_MAX_BYTES) -> str:
    """The text of a file, plain or gzip."""
    with Unpacked(path, limit_bytes) as file:
        return text_of(file.rest(), file.where)
