"""Who else may write in a folder: what lies in the cache is unpickled and run, so nobody else's file may come in."""

from __future__ import annotations

import os
import stat
from pathlib import Path


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
