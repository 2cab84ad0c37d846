"""Amounts as people type them: 5m, 1h30m; 10k, 1e6."""

from __future__ import annotations

import re

UNITS_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
PLAIN_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
PARTS = re.compile(r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,6})?)s)?")
COUNT = re.compile(r"([0-9]{1,18})([kMG]?)")
SCIENTIFIC = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?[eE]\+?([0-9]{1,2})")


def seconds_in(text: str) -> float | None:
    """Seconds of 90, 1.5, 5m, 1h30m or 2d; None for what is none of these."""
    if PLAIN_SECONDS.fullmatch(text):
        return float(text)
    parts = PARTS.fullmatch(text)
    if not text or parts is None:
        return None
    return sum(float(part) * unit for part, unit in zip(parts.groups(), UNITS_SECONDS.values(), strict=True) if part)


def whole_in(text: str) -> int | None:
    """The whole number of 2000, 10k, 2M or 1.5e6; None for what is none of these, or no whole number."""
    if plain := COUNT.fullmatch(text):
        return int(plain[1]) * FACTORS[plain[2]]
    scientific = SCIENTIFIC.fullmatch(text)
    if scientific is None:
        return None
    digits, after, power = scientific[1], scientific[2] or "", int(scientific[3])
    if len(after.rstrip("0")) > power:
        return None
    return int(digits + after) * int("1" + "0" * power) // int("1" + "0" * len(after))
