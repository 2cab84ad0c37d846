"""Numbers with their nouns."""

from __future__ import annotations


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Like "1 node", "2 nodes", "3 batches"; nouns: the plural where it is not noun + s."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def batches(number: int) -> str:
    """1 batch, 2,000 batches."""
    return counted(number, "batch", "batches")
