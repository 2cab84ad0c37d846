"""ChunkMap: one chunk of the percpu allocator as the kernel sees it: bitmap, hints of its blocks, populated pages.

Follows pcpu_find_block_fit, pcpu_alloc_area and pcpu_free_area in what they choose, hints and their lags included.
Offsets and sizes are in granules of 4 bytes unless a name says bytes; a block is a page.
"""

from __future__ import annotations

from collections.abc import Iterator

GRANULE_BYTES = 4
FREE, TAKEN = b"\x00", b"\x01"


def runs(bits: bytearray, what: bytes, at: int = 0, stop: int | None = None) -> Iterator[tuple[int, int]]:
    """[start, end) of each run of FREE or TAKEN within [at, stop), in order."""
    stop = len(bits) if stop is None else stop
    other = TAKEN if what == FREE else FREE
    while (at := bits.find(what, at, stop)) >= 0:
        end = bits.find(other, at, stop)
        end = stop if end < 0 else end
        yield at, end
        at = end


class ChunkMap:
    """A chunk of nr_pages pages, all free and none populated at first.

    areas: granules of each live area by its offset; free: granules that are free; empty_populated: populated pages with
    no area; isolated: on the way to being depopulated, or sidelined after it.
    """

    def __init__(self, base: str, nr_pages: int, page_bytes: int, immutable: bool = False) -> None:
        self.base, self.nr_pages, self.immutable = base, nr_pages, immutable
        self.per_block = page_bytes // GRANULE_BYTES
        self.width = nr_pages * self.per_block
        self.taken = bytearray(self.width)
        self.whole = Hints(self.width)
        self.blocks = [Hints(self.per_block) for _ in range(nr_pages)]
        self.free = self.width
        self.areas: dict[int, int] = {}
        self.populated = bytearray(nr_pages)
        self.empty_populated = 0
        self.isolated = False

    def fit(self, granules: int, align: int, populated_only: bool) -> int:
        """Where the kernel would scan for such an area; -1 if the chunk's hints see no place for it."""
        if not self.whole.fits(granules, align):
            return -1
        return self._fit_from(self.whole.search_from(granules), granules, align, populated_only)

    def _fit_from(self, at: int, granules: int, align: int, populated_only: bool) -> int:
        while True:
            at, span = self._next_fit(at, granules, align)
            if at < 0:
                return -1
            first, last = at // self.per_block, -(-(at + span) // self.per_block)
            gap = next(runs(self.populated, FREE, first, last), None) if populated_only else None
            if gap is None:
                return at
            at = gap[1] * self.per_block
            if at >= self.width:
                return -1

    def _next_fit(self, at: int, granules: int, align: int) -> tuple[int, int]:
        """(where to scan from, granules to its end) of the first place from `at` on; (-1, 0) if none."""
        first, inner = divmod(at, self.per_block)
        start = length = 0
        for i in range(first, self.nr_pages):
            block = self.blocks[i]
            if length:
                length += block.left
                if length >= granules:
                    return start, length
                if block.left == self.per_block:
                    continue
            pad = align_up(block.contig_start, align) - block.contig_start
            if block.contig and block.contig_start >= inner and block.contig >= pad + granules:
                begin = block.search_from(granules)
                return i * self.per_block + begin, pad + granules + block.contig_start - begin
            inner = 0
            begin = align_up(self.per_block - block.right, align)
            start, length = i * self.per_block + begin, self.per_block - begin
            if length >= granules:
                return start, length
        return -1, 0

    def scan(self, start: int, granules: int, align: int) -> int:
        """First fit within a block's length from start; the largest run that was too short updates its block."""
        stop = min(start + granules + self.per_block, self.width)
        short_at = short = 0
        while True:
            at = self.taken.find(FREE, start, stop)
            at = align_up(at, align)
            if at < 0 or at + granules > stop:
                return -1
            end = self.taken.find(TAKEN, at, at + granules)
            if end < 0:
                break
            if end - at > short or (end - at == short and better_aligned(at, short_at)):
                short_at, short = at, end - at
            start = end + 1
        if short:
            self._learn_short(short_at, short)
        return at

    def _learn_short(self, at: int, granules: int) -> None:
        index, inner = divmod(at, self.per_block)
        if inner + granules <= self.per_block:
            self.blocks[index].learn(self._run_start(index, inner), inner + granules)

    def _run_start(self, index: int, inner: int) -> int:
        """Where in its block the free run that ends at `inner` begins."""
        origin = index * self.per_block
        found = self.taken.rfind(TAKEN, origin, origin + inner)
        return 0 if found < 0 else found + 1 - origin

    def next_free(self, at: int, stop: int) -> int:
        found = self.taken.find(FREE, at, stop)
        return stop if found < 0 else found

    def take(self, at: int, granules: int) -> None:
        """Allocate [at, at + granules), which must be free."""
        self.taken[at : at + granules] = TAKEN * granules
        self.areas[at] = granules
        self.free -= granules
        whole = self.whole
        if at == whole.first_free:
            whole.first_free = self.next_free(at + granules, self.width)
        first, inner = divmod(at, self.per_block)
        last, inner_end = divmod(at + granules - 1, self.per_block)
        inner_end += 1
        broken = (self.blocks[first].contig == self.per_block) + (
            last > first and self.blocks[last].contig == self.per_block
        )
        self._take_first(first, inner, granules, inner_end if first == last else self.per_block)
        if last > first:
            self._take_last(last, inner_end)
            for block in self.blocks[first + 1 : last]:
                block.fill()
            broken += last - first - 1
        self.empty_populated -= broken
        if whole.breaks_scan(at, at + granules):
            whole.scan = 0
        if whole.breaks_contig(at, at + granules):
            self._look_again(whole.promote_scan())

    def _take_first(self, index: int, inner: int, granules: int, end: int) -> None:
        block, origin = self.blocks[index], index * self.per_block
        if inner == block.first_free:
            block.first_free = self.next_free(origin + end, origin + self.per_block) - origin
        if block.breaks_scan(inner, inner + granules):
            block.scan = 0
        if block.breaks_contig(inner, inner + granules):
            if inner == 0:
                block.left = 0
            self._look_again_in(index)
        else:
            block.left = min(block.left, inner)
            block.right = min(block.right, self.per_block - end)

    def _take_last(self, index: int, end: int) -> None:
        """The block in which an area that began before it ends."""
        block, origin = self.blocks[index], index * self.per_block
        block.first_free = self.next_free(origin + end, origin + self.per_block) - origin
        if end == self.per_block:
            block.fill()
            return
        if end > block.scan_start:
            block.scan = 0
        block.left = 0
        if end > block.contig_start:
            self._look_again_in(index)
        else:
            block.right = min(block.right, self.per_block - end)

    def _look_again_in(self, index: int) -> None:
        """Read the bitmap of a block whose largest run was broken."""
        block, origin = self.blocks[index], index * self.per_block
        at = origin + block.promote_scan()
        block.right = 0
        for start, end in runs(self.taken, FREE, at, origin + self.per_block):
            block.learn(start - origin, end - origin)

    def _look_again(self, at: int) -> None:
        """Read the blocks' hints, joined over borders, from `at` on into the chunk's."""
        for start, length in self._known_runs(at):
            self.whole.learn(start, start + length)

    def _known_runs(self, at: int) -> Iterator[tuple[int, int]]:
        """Runs that the blocks' hints tell of: each block's largest, and those that cross borders."""
        first, inner = divmod(at, self.per_block)
        start = length = 0
        for i in range(first, self.nr_pages):
            block = self.blocks[i]
            if length:
                length += block.left
                if block.left == self.per_block:
                    continue
                yield start, length
                inner = block.left + 1
            if block.contig and block.contig_start >= inner and block.contig_start + block.contig < self.per_block:
                yield i * self.per_block + block.contig_start, block.contig
            inner = 0
            start, length = (i + 1) * self.per_block - block.right, block.right
        if length:
            yield start, length

    def release(self, at: int) -> int:
        """Free the area that begins at `at`; its granules. KeyError if there is none."""
        granules = self.areas.pop(at)
        self.taken[at : at + granules] = FREE * granules
        self.free += granules
        self.whole.first_free = min(self.whole.first_free, at)
        first, inner = divmod(at, self.per_block)
        last, inner_end = divmod(at + granules - 1, self.per_block)
        start, end = self._run_around(first, inner, last, inner_end + 1)
        in_first = end if first == last else self.per_block
        freed = int(start == 0 and in_first == self.per_block)
        self.blocks[first].learn(start, in_first)
        if last > first:
            freed += end == self.per_block
            self.blocks[last].learn(0, end)
            for block in self.blocks[first + 1 : last]:
                block.empty()
            freed += last - first - 1
        self.empty_populated += freed
        if end - start >= self.per_block or last > first:
            self.whole.contig = 0
            self._look_again(self.whole.first_free)
        else:
            # The kernel gives the end within the block here: beyond the first block the chunk's hints learn nothing.
            self.whole.learn(first * self.per_block + start, end)
        return granules

    def _run_around(self, first: int, inner: int, last: int, end: int) -> tuple[int, int]:
        """Start in the first block and end in the last of the free run around a freed area; hints save the search."""
        block = self.blocks[first]
        start = block.contig_start if inner == block.contig_start + block.contig else self._run_start(first, inner)
        block = self.blocks[last]
        if end == block.contig_start:
            return start, block.contig_start + block.contig
        origin = last * self.per_block
        found = self.taken.find(TAKEN, origin + end, origin + self.per_block)
        return start, self.per_block if found < 0 else found - origin

    def clear_ranges(self, at: int, granules: int) -> list[tuple[int, int]]:
        """Ranges [page_start, page_end) that an area needs and that are not populated."""
        return list(runs(self.populated, FREE, at // self.per_block, -(-(at + granules) // self.per_block)))

    def first_populated(self) -> tuple[int, int] | None:
        """The first range of populated pages."""
        return next(runs(self.populated, TAKEN), None)

    def last_empty_populated(self) -> tuple[int, int] | None:
        """The last range [page_start, page_end) of populated pages without an area."""
        end = self.nr_pages
        while end and not (self.populated[end - 1] and self.blocks[end - 1].contig == self.per_block):
            end -= 1
        start = end
        while start and self.populated[start - 1] and self.blocks[start - 1].contig == self.per_block:
            start -= 1
        return (start, end) if end else None

    def overlapping(self, at: int, granules: int) -> list[tuple[int, int]]:
        """Live areas (offset, granules) that share a granule with [at, at + granules)."""
        if self.taken.find(TAKEN, at, at + granules) < 0:
            return []
        return [(a, n) for a, n in self.areas.items() if a < at + granules and at < a + n]


# What the percpu allocator remembers about the free runs of a block, or of a whole chunk. A run is a maximal stretch of
# free granules. The kernel keeps the largest run known (contig), a smaller one before it that a search may skip (scan),
# the runs that touch either border, and the first free granule. They may lag behind the bitmap: offsets that the kernel
# chooses follow from the hints, not from the bitmap alone, so the emulation keeps them under the kernel's rules.
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
