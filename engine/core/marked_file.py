"""Files of the cache, each behind the SHA-256 of what follows: one that is damaged is told, removed and made anew.

What lies there is unpickled and run: a folder in which somebody else can write is none to keep it in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path

MARK_BYTES = hashlib.sha256().digest_size
UNKEPT: list[str] = []  # what could not be written in this process, and why


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


def tell_unkept(error: OSError) -> None:
    """Say on standard error, once, that a cache cannot be written: it only costs the next start its time."""
    if not UNKEPT:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody may be there to tell
            print(f"percpu-fuzz: what is compiled is not kept: {error}", file=sys.stderr, flush=True)
    UNKEPT.append(str(error))


def who_else_writes(folder: Path, sources: Path) -> str:
    """What lets others than this user and root put a file into a folder, in words; empty if nothing does.

    Whoever may write the sources may write beside them: that code runs anyhow. So may the folder's group, which is
    mostly the user's own. A folder that is not there yet is judged by those above it, of which one where everybody may
    write, like /tmp, must be sticky.
    """
    trusted = {0, os.geteuid(), os.stat("/").st_uid, sources.stat().st_uid}
    given = Path(os.path.abspath(folder))
    real = Path(os.path.realpath(folder))
    if real.is_relative_to(os.path.realpath(sources)):
        return ""
    for path in (given, *given.parents, real, *real.parents):
        try:
            info = path.lstat()
        except OSError:
            continue
        if info.st_uid not in trusted:
            return f"{path} belongs to user {info.st_uid}"
        is_open = info.st_mode & stat.S_IWOTH and not stat.S_ISLNK(info.st_mode)
        if is_open and (path == real or not info.st_mode & stat.S_ISVTX):
            return f"everybody may write in {path}"
    return ""
