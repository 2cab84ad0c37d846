"""Sizes in bytes as people and QEMU write them: 512M, 1.5g, 0x40000000."""

from __future__ import annotations

import re
from fractions import Fraction

from percpu_fuzz.engine.errors import InputError

SIZE_MAX_BYTES = (2**31 - 1) * 4096
SIZE_WORDS = re.compile(
    r"(?=\.?\d)(?:(\d{0,18})(\.\d{0,18})?([bBkKmMgGtTpPeE]?)(?:(?<=[kKmMgGtTpPeE])i?B)?|0[xX]([0-9a-fA-F]{1,16}))"
)
POWERS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}


def parse_size(text: str, where: str, plain_unit: str = "") -> int:
    """Bytes of a size; K, M, G and T in either case are powers of 1024. plain_unit: that of a number without one.

    As QEMU's qemu_strtosz, which takes fractions with a unit, where either side of the point may be empty, and
    hexadecimal without one, and drops what is less than a byte; iB or B after the unit is for people. InputError for
    anything else.
    """
    found = SIZE_WORDS.fullmatch(text)
    unit = (found[3] or plain_unit).lower() if found else ""
    if found is None or (found[2] and POWERS[unit] == 0):
        size = -1
    elif found[4]:
        size = int(found[4], 16) << 10 * POWERS[plain_unit.lower()]
    else:
        size = int((int(found[1] or 0) + Fraction(f"0{found[2] or '.'}0")) * (1 << 10 * POWERS[unit]))
    if not 0 <= size <= SIZE_MAX_BYTES:
        raise InputError(where, f"size {text[:40]!r}", "a number with K, M, G or T, such as 512M or 1.5G, up to 8 TiB")
    return size
