"""Allocator: the kernel's lists of chunks, most packed first, and where an area, a page or a reclaim falls.

An emulation in plain Python for comparing with recorded kernels; the engine itself places areas by a simple first fit.
It follows pcpu_alloc, free_percpu and pcpu_balance_workfn in what they decide. When balance work runs is not decided
here: the caller says so, or says what the kernel was seen to do.
"""

from __future__ import annotations

from percpu_fuzz.strategies.fidelity.allocator_chunk import FREE, GRANULE_BYTES, ChunkMap, runs

EMPTY_PAGES_HIGH = 4
SLOT_BASE = 3  # a largest run of 2^k bytes puts a chunk into slot k + 1 - SLOT_BASE
SLOT_FAIL = 3  # below this slot, a chunk without a place goes to slot 0


class Allocator:
    """Chunks of unit_pages pages each, in lists by slot. slots[i] is searched in order; the last list is not searched.

    sidelined, free and depopulate are the numbers of the three lists behind those by size. empty_populated counts
    populated pages without an area in chunks that are not isolated.
    """

    def __init__(self, unit_pages: int, page_bytes: int = 4096) -> None:
        self.unit_pages, self.page_bytes = unit_pages, page_bytes
        self.sidelined = self.slot_of_bytes(unit_pages * page_bytes) + 1
        self.free, self.depopulate = self.sidelined + 1, self.sidelined + 2
        self.slots: list[list[ChunkMap]] = [[] for _ in range(self.depopulate + 1)]
        self.where: dict[str, int] = {}
        self.chunks: dict[str, ChunkMap] = {}
        self.empty_populated = 0

    def slot_of_bytes(self, size_bytes: int) -> int:
        return max(size_bytes.bit_length() - SLOT_BASE, 1)

    def slot_of(self, chunk: ChunkMap) -> int:
        """The list that a chunk belongs on, by its largest run known."""
        run_bytes = chunk.whole.contig * GRANULE_BYTES
        if chunk.free == 0 or run_bytes == 0:
            return 0
        return self.free if run_bytes == self.unit_pages * self.page_bytes else self.slot_of_bytes(run_bytes)

    def move(self, chunk: ChunkMap, slot: int, front: bool) -> None:
        if chunk.base in self.where:
            self.slots[self.where[chunk.base]].remove(chunk)
        self.where[chunk.base] = slot
        self.slots[slot].insert(0 if front else len(self.slots[slot]), chunk)

    def relocate(self, chunk: ChunkMap, old_slot: int) -> None:
        new_slot = self.slot_of(chunk)
        if not chunk.isolated and new_slot != old_slot:
            self.move(chunk, new_slot, front=old_slot < new_slot)

    def add(self, base: str, nr_pages: int | None = None, immutable: bool = False) -> ChunkMap:
        """A new chunk; an immutable one (the first) is populated and never depopulated."""
        chunk = ChunkMap(base, self.unit_pages if nr_pages is None else nr_pages, self.page_bytes, immutable)
        self.chunks[base] = chunk
        if immutable:
            self.populate(chunk, 0, chunk.nr_pages)
        self.relocate(chunk, -1)
        return chunk

    def retire(self, chunk: ChunkMap) -> None:
        """A wholly free chunk leaves the lists to be destroyed."""
        if chunk.base in self.where:
            self.slots[self.where.pop(chunk.base)].remove(chunk)

    def drop(self, base: str) -> None:
        """A chunk is destroyed."""
        chunk = self.chunks.pop(base)
        self.retire(chunk)
        if not chunk.isolated:
            self.empty_populated -= chunk.empty_populated

    def choose(self, size_bytes: int, align: int, atomic: bool) -> tuple[ChunkMap, int] | None:
        """The chunk and granule where such an area would be put; None if a new chunk or a failure would follow.

        Nothing is taken, but chunks that proved too full move to slot 0 and hints learn, as in the kernel.
        """
        granules, align = -(-size_bytes // GRANULE_BYTES), max(align // GRANULE_BYTES, 1)
        for slot in range(self.slot_of_bytes(size_bytes), self.free + 1):
            for chunk in list(self.slots[slot]):
                start = chunk.fit(granules, align, atomic)
                if start < 0:
                    if slot < SLOT_FAIL:
                        self.move(chunk, 0, front=True)
                    continue
                at = chunk.scan(start, granules, align)
                if at >= 0:
                    return chunk, at
        return None

    def take(self, chunk: ChunkMap, at: int, granules: int) -> None:
        """Put an area into a chunk; one that was isolated comes back to the lists."""
        old_slot, before = self.slot_of(chunk), chunk.empty_populated
        chunk.take(at, granules)
        self._count(chunk, before)
        self.relocate(chunk, old_slot)
        self.reintegrate(chunk)

    def release(self, chunk: ChunkMap, at: int) -> int:
        """Free the area at granule `at`; isolates the chunk if too many of its populated pages are empty."""
        old_slot, before = self.slot_of(chunk), chunk.empty_populated
        granules = chunk.release(at)
        self._count(chunk, before)
        self.relocate(chunk, old_slot)
        if (chunk.isolated or chunk.free < chunk.width) and self.should_reclaim(chunk):
            if not chunk.isolated:
                chunk.isolated = True
                self.empty_populated -= chunk.empty_populated
            self.move(chunk, self.depopulate, front=True)
            self.reclaim_next(chunk)
        return granules

    def should_reclaim(self, chunk: ChunkMap) -> bool:
        if chunk.immutable:
            return False
        if chunk.isolated:
            return chunk.empty_populated > 0
        return (
            self.empty_populated > EMPTY_PAGES_HIGH + chunk.empty_populated
            and chunk.empty_populated >= chunk.nr_pages // 4
        )

    def reintegrate(self, chunk: ChunkMap) -> None:
        if chunk.isolated:
            chunk.isolated = False
            self.empty_populated += chunk.empty_populated
            self.relocate(chunk, -1)

    def reclaim_next(self, chunk: ChunkMap) -> tuple[int, int] | None:
        """The pages that a reclaim of this isolated chunk would give back next; None when it ends, the chunk moved
        on.
        """
        if chunk.empty_populated and self.empty_populated < EMPTY_PAGES_HIGH:
            self.reintegrate(chunk)
            return None
        pages = chunk.last_empty_populated() if chunk.empty_populated else None
        if pages is None:
            if chunk.free == chunk.width:
                self.reintegrate(chunk)
            else:
                self.move(chunk, self.sidelined, front=False)
        return pages

    def balance_next(self, nr_pages: int) -> tuple[ChunkMap, int, int] | None:
        """The chunk and pages that balance work would populate next, nr_pages at most; None if there are none."""
        for slot in range(self.slot_of_bytes(self.page_bytes), self.free + 1):
            for chunk in self.slots[slot]:
                for first, end in runs(chunk.populated, FREE):
                    return chunk, first, min(first + nr_pages, end)
        return None

    def pages_wanted(self) -> int:
        """Pages that balance work would populate now if no atomic allocation has failed."""
        return min(max(EMPTY_PAGES_HIGH - self.empty_populated, 0), EMPTY_PAGES_HIGH)

    def populate(self, chunk: ChunkMap, page_start: int, page_end: int, populated: bool = True) -> None:
        """Pages have been populated, or given back; those that were so already are passed over."""
        before = chunk.empty_populated
        for page in range(page_start, page_end):
            chunk.empty_populated += populated - chunk.populated[page]
            chunk.populated[page] = populated
        self._count(chunk, before)

    def _count(self, chunk: ChunkMap, before: int) -> None:
        if not chunk.isolated and chunk.base in self.chunks:
            self.empty_populated += chunk.empty_populated - before
