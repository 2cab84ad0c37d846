"""Files of the cache, each behind the SHA-256 of what follows: one that is damaged is told, removed and made anew."""

from __future__ import annotations

import contextlib
import hashlib
import sys
from pathlib import Path

MARK_BYTES = hashlib.sha256().digest_size


def marked(content: bytes) -> bytes:
    """What the file is to hold."""
    return hashlib.sha256(content).digest() + content


def read_marked(path: Path) -> bytes | None:
    """The content; None if there is none, or if it is damaged, which is said on standard error: then it is removed."""
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    content = whole[MARK_BYTES:]
    if whole == marked(content):
        return content
    with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody may be there to tell, or no right to remove
        print(f"percpu-fuzz: {path} is damaged and is made anew", file=sys.stderr, flush=True)
        path.unlink()
    return None
