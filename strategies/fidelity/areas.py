"""Areas: does the emulated allocator put each recorded allocation where the kernel put it?

Each allocation is asked for at the state that the recorded ones before it left, and then put where the kernel put it,
so that a miss counts once. What the trace shows of pages (populated, depopulated, chunks made and destroyed) is taken
over after it has been compared with what the emulation expected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from percpu_fuzz.strategies.fidelity.allocator import EMPTY_PAGES_HIGH, Allocator
from percpu_fuzz.strategies.fidelity.allocator_chunk import FREE, GRANULE_BYTES, TAKEN, ChunkMap, runs
from percpu_fuzz.strategies.fidelity.area_steps import Step, steps_of
from percpu_fuzz.strategies.trace import events as ev

Place = tuple[ChunkMap, int] | None
Policy = Callable[[Allocator, int, int, bool], Place]


@dataclass(frozen=True, slots=True)
class Miss:
    """An allocation that the emulation would have put at [off, end) of chunk base. step: its place in the steps."""

    step: int
    base: str
    off: int
    end: int


@dataclass(slots=True)
class AreaReport:
    """Counts of one pass. allocations: those in chunks whose making was seen; first_chunk: the others, not compared.

    stretch: longest run of equal allocations, so many without setting the bitmap anew. failures: failed allocations,
    and how many the emulation has no place for either. populates and depopulates: ranges of pages, and how many
    equal. conflicts: areas put over what the emulation held as taken; unknown_frees: frees of areas from before the
    trace. beyond_unit: events about bytes or pages that a unit does not have, passed over.
    """

    allocations: int = 0
    equal: int = 0
    first_chunk: int = 0
    stretch: int = 0
    failures: int = 0
    failures_equal: int = 0
    populates: int = 0
    populates_equal: int = 0
    depopulates: int = 0
    depopulates_equal: int = 0
    conflicts: int = 0
    unknown_frees: int = 0
    unprobed: int = 0
    beyond_unit: int = 0
    causes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Older:
    """A chunk as all of the trace's events show it: its areas, and the pages that they and the page events reach."""

    areas: list[ev.Alloc] = field(default_factory=list)
    nr_pages: int = 1


def older_chunks(steps: list[Step], page_bytes: int) -> dict[str, Older]:
    """By chunk; needed for those whose making is not in the trace."""
    found: dict[str, Older] = {}
    for step in steps:
        for e in (step.alloc, step.event):
            if isinstance(e, ev.Alloc) and e is step.alloc:
                older = found.setdefault(e.base, Older())
                if not older.areas or older.areas[-1] is not e:
                    older.areas.append(e)
                older.nr_pages = max(older.nr_pages, -(-(e.off + e.size_bytes) // page_bytes))
            elif isinstance(e, ev.PageRange):
                older = found.setdefault(e.base, Older())
                older.nr_pages = max(older.nr_pages, e.page_end)
    return found


def within_unit(events: Iterable[ev.Event], unit_bytes: int, page_bytes: int) -> tuple[list[ev.Event], int]:
    """The events but those about bytes or pages beyond a unit, and how many those are."""
    kept, beyond = [], 0
    for e in events:
        if isinstance(e, ev.Alloc):
            outside = e.off + e.size_bytes > unit_bytes
        else:
            outside = isinstance(e, ev.PageRange) and e.page_end * page_bytes > unit_bytes
        beyond += outside
        if not outside:
            kept.append(e)
    return kept, beyond


class _Pass:
    """One walk over the steps. early: steps whose allocation is decided before another step, by that step."""

    def __init__(
        self, steps: list[Step], unit_pages: int, page_bytes: int, early: dict[int, list[int]], policy: Policy
    ) -> None:
        self.steps, self.early, self.policy = steps, early, policy
        self.allocator = Allocator(unit_pages, page_bytes)
        self.page_bytes = page_bytes
        self.report = AreaReport()
        self.misses: list[Miss] = []
        self.run_length = 0
        self.probed = False  # has the trace shown pages being populated yet?
        self.done: set[int] = set()
        self.expected: dict[object, list[tuple[int, int]]] = {}  # ranges that each task's allocation still needs
        self.to_populate = 0
        self.atomic_failed = False
        self.older: dict[str, Older] = {}

    def walk(self) -> _Pass:
        """The same, when it has passed all steps."""
        verbs: dict[type, Callable[..., None]] = {
            ev.AllocFail: self.alloc_fail, ev.Free: self.free, ev.CreateChunk: self.create,
            ev.DestroyChunk: self.destroy, ev.Populate: self.populate, ev.Populated: self.populated,
            ev.Depopulated: self.depopulated,
        }  # fmt: skip
        for i, step in enumerate(self.steps):
            for j in self.early.get(i, ()):
                self.alloc_early(j)
            if step.alloc is not None and i not in self.done:
                self.alloc(i, step.alloc)
            verb = verbs.get(type(step.event))
            if verb is not None:
                verb(step.event, step)
        return self

    def chunk(self, base: str) -> ChunkMap:
        """The chunk, or one that was there before the trace: what no traced area ever covers is taken for good."""
        found = self.allocator.chunks.get(base)
        if found is not None:
            return found
        self.older = self.older or older_chunks(self.steps, self.page_bytes)
        areas, nr_pages = self.older[base].areas, self.older[base].nr_pages
        chunk = self.allocator.add(base, nr_pages, immutable=True)
        covered = bytearray(chunk.width)
        for a in areas:
            first, last = a.off // GRANULE_BYTES, -(-(a.off + a.size_bytes) // GRANULE_BYTES)
            covered[first:last] = TAKEN * (last - first)
        for at, end in runs(covered, FREE):
            self.allocator.take(chunk, at, end - at)
        return chunk

    def alloc(self, i: int, e: ev.Alloc) -> None:
        chunk = self.chunk(e.base)
        at, granules = e.off // GRANULE_BYTES, -(-e.size_bytes // GRANULE_BYTES)
        got = self.policy(self.allocator, e.size_bytes, e.align, e.is_atomic)
        if chunk.immutable:
            self.report.first_chunk += 1
        else:
            self.compare(i, e, got, chunk, at)
        self.force(chunk, at, granules)
        first, last = e.off // self.page_bytes, -(-(e.off + e.size_bytes) // self.page_bytes)
        if e.is_atomic or not self.probed:
            self.allocator.populate(chunk, first, last)
        else:
            self.expected[e.pair_key()] = chunk.clear_ranges(at, granules)
        if not self.probed:
            self.report.unprobed += 1
            self.balance()

    def compare(self, i: int, e: ev.Alloc, got: Place, chunk: ChunkMap, at: int) -> None:
        report = self.report
        report.allocations += 1
        if got is not None and got[0] is chunk and got[1] == at:
            report.equal += 1
            self.run_length += 1
            report.stretch = max(report.stretch, self.run_length)
            return
        self.run_length = 0
        base, off = ("", 0) if got is None else (got[0].base, got[1] * GRANULE_BYTES)
        self.misses.append(Miss(i, base, off, off + e.size_bytes))

    def force(self, chunk: ChunkMap, at: int, granules: int) -> None:
        """Put an area where the kernel put it, over whatever the emulation still holds there."""
        over = chunk.overlapping(at, granules)
        self.report.conflicts += bool(over)
        for a, n in over:
            self.allocator.release(chunk, a)
            if chunk.immutable and a < at:
                self.allocator.take(chunk, a, at - a)
            if chunk.immutable and a + n > at + granules:
                self.allocator.take(chunk, at + granules, a + n - at - granules)
        self.allocator.take(chunk, at, granules)

    def alloc_early(self, j: int) -> None:
        """An allocation traced later, here if its place is free here."""
        e = self.steps[j].alloc
        if e is None or j in self.done or e.base not in self.allocator.chunks:
            return
        if not self.chunk(e.base).overlapping(e.off // GRANULE_BYTES, -(-e.size_bytes // GRANULE_BYTES)):
            self.done.add(j)
            self.alloc(j, e)

    def alloc_fail(self, e: ev.AllocFail, _: Step) -> None:
        self.report.failures += 1
        self.report.failures_equal += self.policy(self.allocator, e.size_bytes, e.align, e.is_atomic) is None
        self.atomic_failed = self.atomic_failed or e.is_atomic
        if not self.probed:
            self.balance()

    def free(self, e: ev.Free, _: Step) -> None:
        chunk, at = self.allocator.chunks.get(e.base), e.off // GRANULE_BYTES
        if chunk is None or at not in chunk.areas:
            self.report.unknown_frees += 1
        else:
            self.allocator.release(chunk, at)

    def create(self, e: ev.CreateChunk, _: Step) -> None:
        if e.base not in self.allocator.chunks:
            self.allocator.add(e.base)

    def destroy(self, e: ev.DestroyChunk, _: Step) -> None:
        if e.base in self.allocator.chunks:
            self.allocator.drop(e.base)

    def balance(self) -> None:
        """Balance work's populating, at once: for the time in which the trace does not show it."""
        allocator = self.allocator
        if allocator.empty_populated >= 2 and not self.atomic_failed:
            return
        wanted = EMPTY_PAGES_HIGH if self.atomic_failed else allocator.pages_wanted()
        self.atomic_failed = False
        while wanted and (place := allocator.balance_next(wanted)) is not None:
            allocator.populate(*place)
            wanted -= place[2] - place[1]

    def populate(self, e: ev.Populate, step: Step) -> None:
        """Compare the range; it counts as populated when its Populated comes."""
        self.probed = True
        pages, chunk = (e.page_start, e.page_end), self.allocator.chunks.get(e.base)
        self.report.populates += 1
        if step.owned:
            expected = self.expected.get(e.pair_key())
            self.report.populates_equal += bool(expected) and expected is not None and expected.pop(0) == pages
            return
        if self.to_populate <= 0:
            self.to_populate = EMPTY_PAGES_HIGH if self.atomic_failed else self.allocator.pages_wanted()
            self.atomic_failed = False
        place = self.allocator.balance_next(self.to_populate) if self.to_populate else None
        self.report.populates_equal += place is not None and (place[0] is chunk and place[1:] == pages)

    def populated(self, e: ev.Populated, step: Step) -> None:
        self.probed = True
        self.allocator.populate(self.chunk(e.base), e.page_start, e.page_end)
        if not step.owned:
            self.to_populate -= e.page_end - e.page_start

    def depopulated(self, e: ev.Depopulated, _: Step) -> None:
        self.probed = True
        allocator, chunk, pages = self.allocator, self.chunk(e.base), (e.page_start, e.page_end)
        self.report.depopulates += 1
        if chunk.isolated:
            self.report.depopulates_equal += chunk.last_empty_populated() == pages
        elif chunk.free == chunk.width:
            self.report.depopulates_equal += chunk.first_populated() == pages
            allocator.retire(chunk)
        allocator.populate(chunk, *pages, populated=False)
        if chunk.isolated:
            allocator.reclaim_next(chunk)


def in_flight(steps: list[Step], misses: list[Miss]) -> dict[int, list[int]]:
    """For each missed step, steps that may have been decided before it though they were traced later.

    Such a step is an allocation of another task that takes some of the place that the emulation chose, the first to
    do so, and whose task did nothing between: it may have been under way.
    """
    by_step = {miss.step: miss for miss in misses}
    waiting: dict[str, dict[int, Miss]] = {}
    early: dict[int, list[int]] = {}
    for i, step in enumerate(steps):
        e = step.alloc
        if e is not None:
            for k, miss in list(waiting.get(e.base, {}).items()):
                if e.off < miss.end and miss.off < e.off + e.size_bytes:
                    del waiting[e.base][k]
                    if step.before < k:
                        early.setdefault(k, []).append(i)
        if i in by_step:
            waiting.setdefault(by_step[i].base, {})[i] = by_step[i]
    return early


def check_areas(
    events: Iterable[ev.Event], unit_bytes: int, page_bytes: int = 4096, policy: Policy = Allocator.choose
) -> AreaReport:
    """Compare every allocation of a trace with what the policy would choose; say how much of the rest is the trace's
    order.

    unit_bytes: bytes of one CPU's unit of a chunk, from the kernel's boot messages. causes: misses that vanish when
    allocations under way are decided where they fit ("order not in the trace"), and the rest by kind.
    """
    kept, beyond = within_unit(events, unit_bytes, page_bytes)
    steps = steps_of(kept, page_bytes)
    unit_pages = unit_bytes // page_bytes
    in_order = _Pass(steps, unit_pages, page_bytes, {}, policy).walk()
    report, rest = in_order.report, in_order.misses
    report.beyond_unit = beyond
    if early := in_flight(steps, rest):
        rest = _Pass(steps, unit_pages, page_bytes, early, policy).walk().misses
    report.causes["order not in the trace"] = max(len(in_order.misses) - len(rest), 0)
    for miss in rest:
        e = steps[miss.step].alloc
        assert e is not None
        kind = "no place expected" if not miss.base else "other chunk" if miss.base != e.base else "other offset"
        report.causes[f"{kind}, {'atomic' if e.is_atomic else 'blocking'}"] += 1
    return report
