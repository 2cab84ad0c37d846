"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

from engine.errors import InputError


def write_json(path: Path, content: dict[str, object]) -> None:
    """Canonical JSON (sorted keys, indent 1, ASCII) that is there whole or not at all."""
    text = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=True) + "\n"
    write_whole(path, text.encode("ascii"))


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
