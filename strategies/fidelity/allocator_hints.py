"""Hints: what the percpu allocator remembers about the free runs of a block, or of a whole chunk.

A run is a maximal stretch of free granules (4 bytes each). The kernel keeps the largest run known (contig), a smaller
one before it that a search may skip (scan), the runs that touch either border, and the first free granule. They may
lag behind the bitmap: offsets that the kernel chooses follow from the hints, not from the bitmap alone, so the
emulation keeps them under the kernel's rules.
"""

from __future__ import annotations


def align_up(value: int, align: int) -> int:
    """The first multiple of align at or after value."""
    return -(-value // align) * align


def better_aligned(start: int, other: int) -> bool:
    """Is start a multiple of a higher power of two than other? 0 is one of every power."""
    return other != 0 and (start == 0 or (start & -start) > (other & -other))


class Hints:
    """Knowledge about `width` granules, offsets relative to the first of them; all are free at first."""

    __slots__ = ("contig", "contig_start", "first_free", "left", "right", "scan", "scan_start", "width")

    def __init__(self, width: int) -> None:
        self.width = self.contig = self.left = self.right = width
        self.contig_start = self.scan = self.scan_start = self.first_free = 0

    def fits(self, granules: int, align: int) -> bool:
        """Does the largest run known hold so many aligned granules?"""
        return align_up(self.contig_start, align) - self.contig_start + granules <= self.contig

    def search_from(self, granules: int) -> int:
        """Where a search for so many granules begins: behind the scan run if that is too small and before contig."""
        if self.scan and self.scan_start < self.contig_start and granules > self.scan:
            return self.scan_start + self.scan
        return self.first_free

    def fill(self) -> None:
        """All is taken; first_free stays, as it does in the kernel."""
        self.scan = self.contig = self.left = self.right = 0

    def empty(self) -> None:
        """All is free again."""
        self.first_free = self.scan = self.contig_start = 0
        self.contig = self.left = self.right = self.width

    def learn(self, start: int, end: int) -> None:
        """The run [start, end) is free and ends there on both sides, or at a border."""
        length = end - start
        self.first_free = min(self.first_free, start)
        if start == 0:
            self.left = length
        if end == self.width:
            self.right = length
        if length > self.contig:
            self._grow(start, length)
        elif length == self.contig:
            self._tie(start, length)
        elif start < self.contig_start and (length > self.scan or (length == self.scan and start > self.scan_start)):
            self.scan_start, self.scan = start, length

    def _grow(self, start: int, length: int) -> None:
        """A new largest run; the old one becomes the scan run where it lies before and is larger than that."""
        if start <= self.contig_start:
            self.scan = 0
        elif self.contig > self.scan:
            self.scan_start, self.scan = self.contig_start, self.contig
        elif start < self.scan_start:
            self.scan = 0
        self.contig_start, self.contig = start, length

    def _tie(self, start: int, length: int) -> None:
        """As long as the largest: the better aligned one is kept as largest."""
        if better_aligned(start, self.contig_start):
            self.contig_start = start
            if start < self.scan_start and self.contig > self.scan:
                self.scan = 0
        elif start > self.scan_start or self.contig > self.scan:
            self.scan_start, self.scan = start, length

    def promote_scan(self) -> int:
        """The largest run is broken: the scan run takes its place. Returns where runs must be looked for again."""
        if self.scan:
            self.contig_start, self.contig = self.scan_start, self.scan
            self.scan = 0
            return self.contig_start + self.contig
        self.contig = 0
        return self.first_free

    def breaks_scan(self, start: int, end: int) -> bool:
        return self.scan_start < end and start < self.scan_start + self.scan

    def breaks_contig(self, start: int, end: int) -> bool:
        return self.contig_start < end and start < self.contig_start + self.contig
