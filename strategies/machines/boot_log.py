"""The boot log of a recorded run: what the kernel printed of the first percpu chunk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from percpu_fuzz.strategies.reading import file_of, read_bytes

BOOT_LOG = "dmesg-boot.txt"
SIZES_LINE = re.compile(rb"(?:pcpu-alloc:|percpu: Embedded .*?) s(\d{1,12}) r(\d{1,12}) d(\d{1,12}) u(\d{1,19})\b")


@dataclass(frozen=True, slots=True)
class FirstChunk:
    """Static, reserved and dynamic bytes of one CPU's unit of the first chunk, and the bytes of a unit.

    missing: what there is not, where the log does not tell them; all are 0 then.
    """

    static_bytes: int = 0
    reserved_bytes: int = 0
    dynamic_bytes: int = 0
    unit_bytes: int = 0
    missing: str = ""


def read_boot_log(folder: Path) -> FirstChunk:
    """The sizes by the boot log in a run's folder, plain or gzip."""
    path = file_of(folder, BOOT_LOG)
    if path is None:
        return FirstChunk(missing=BOOT_LOG)
    found = first_chunk_of(read_bytes(path))
    return FirstChunk(missing=f"a line with the unit size in {path.name}") if found is None else found


def first_chunk_of(log: bytes) -> FirstChunk | None:
    """The sizes that a boot log has; None if it does not tell them."""
    found = SIZES_LINE.search(log)
    if found is None:
        return None
    static, reserved, dynamic, unit = map(int, found.groups())
    return FirstChunk(static, reserved, dynamic, unit)
