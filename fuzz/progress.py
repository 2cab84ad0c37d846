"""Reading a large file with a line of progress every few seconds on standard error."""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path

from percpu_fuzz.engine.errors import InputError

LARGE_BYTES = 50 * 10**6
EVERY_SECONDS = 3.0


class WatchedFile(io.RawIOBase):
    """A file that is read once from its start. Says how far it is if it is larger than LARGE_BYTES."""

    def __init__(self, path: Path, what: str) -> None:
        try:
            self.file = path.open("rb", buffering=0)
        except OSError as error:
            raise InputError(str(path), error.strerror or str(error), "a readable trace file") from None
        self.name, self.what = str(path), what
        self.total = path.stat().st_size
        self.done = 0
        self.began: float | None = None
        self.said = 0.0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read into a writable buffer; bytes read, 0 at the end."""
        got = self.file.readinto(buffer) or 0  # type: ignore[arg-type]  # a writable buffer, as the base class says
        self.done += got
        now = time.monotonic()
        if self.began is None:
            self.began = self.said = now
        if self.total >= LARGE_BYTES and now - self.said >= EVERY_SECONDS:
            self.said = now
            rate = self.done / (now - self.began)
            left = (self.total - self.done) / rate
            print(
                f"{self.what}: {self.done / 1e6:.0f} of {self.total / 1e6:.0f} MB read, about {left:.0f} s left",
                file=sys.stderr,
            )
        return got

    def close(self) -> None:
        """Close the file itself, too."""
        self.file.close()
        super().close()
