"""Page events: where a populate's pages lie, from what the page allocator traced while it ran.

Between the entry of pcpu_populate_chunk and its return, the same task allocates one page for each possible CPU and page
index, CPU outer, index inner (kernel.md 2.5): kmem's mm_page_alloc gives their frames, with __GFP_HIGHMEM, which the
page tables that are allocated meanwhile do not have. Where some of them are missing, `vmap`, the entry of
vmap_pages_range_noflush, has each CPU's struct pages, of which the frame is (page - VMEMMAP) / 64 on x86-64 without
KASLR.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.machines.page_frames import FrameNodes
from percpu_fuzz.strategies.trace import events as ev
from percpu_fuzz.strategies.trace.pages.placement import DepopulateRecord, Placement, PopulateRecord
from percpu_fuzz.strategies.trace.payload import PAYLOADS, ImpossibleError, Payload, Texts, payload_of

VMEMMAP, STRUCT_PAGE_BYTES = 0xFFFFEA0000000000, 64
ORDER_MOST = 64
OPEN_MOST = 1 << 12  # populates under way at a time: more, and their returns are lost


class PageAlloc(ev.Event, frozen=True, gc=False):
    """mm_page_alloc of a single page: its frame, and whether it was asked for with __GFP_HIGHMEM."""

    pfn: int
    order: int
    highmem: bool


class Mapped(ev.Event, frozen=True, gc=False):
    """vmap_pages_range_noflush: the struct pages that are mapped at one CPU's unit, as many as the probe printed."""

    pages: tuple[int, ...]


def _hexadecimal(text: str) -> int:
    try:
        value = int(text, 16)
    except ValueError:
        raise ImpossibleError from None
    if not 0 <= value < 1 << 64:
        raise ImpossibleError
    return value


def _page_alloc(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    pfn, order, flags = g
    if not 0 <= int(order) < ORDER_MOST:
        raise ImpossibleError
    return PageAlloc(t, task, cpu, context, _hexadecimal(pfn), int(order), "__GFP_HIGHMEM" in flags.split("|"))


def _mapped(t: int, task: ev.Task, cpu: int, context: str, g: Texts) -> ev.Event:
    words = g[0].removeprefix("{").removesuffix("}").removesuffix(",").split(",")
    return Mapped(t, task, cpu, context, tuple(map(_hexadecimal, words)))


PAGE_PAYLOADS: dict[str, Payload] = {
    **PAYLOADS,
    "mm_page_alloc": payload_of(
        r"page=\S++ pfn=(?:0x)?([0-9a-f]{1,16}+) order=(\d{1,3}+) .*?gfp_flags=(\S++)",
        _page_alloc,
        "pfn order# gfp_flags",
    ),
    "vmap": payload_of(
        r"(?:\([^)]*+\) )?addr=\w++ end=\w++ pages=(\{(?:0x[0-9a-f]{1,16}+,?){1,64}\})", _mapped, "pages"
    ),
}
"""What read_events must be given to yield page events beside the others."""


@dataclass(slots=True)
class _Window:
    """A populate under way: frames by the page allocator, struct pages by the mappings."""

    begun: ev.Populate
    frames: list[int] = field(default_factory=list)
    mapped: list[tuple[int, ...]] = field(default_factory=list)


@dataclass
class PagesSeen:
    """Collects placement records from page events as they pass. placed: populates whose pages are known; unplaced:
    those whose pages could not be told. Somebody may take records away meanwhile (pages_in_time.py).
    """

    topology: Topology
    frames: FrameNodes
    records: list[PopulateRecord | DepopulateRecord] = field(default_factory=list)
    placed: int = 0
    unplaced: int = 0
    _open: dict[tuple[int, int, str], _Window] = field(default_factory=dict)

    def watch(self, events: Iterable[ev.Event]) -> Iterator[ev.Event]:
        """The same events; page events are taken in and not passed on."""
        for e in events:
            if isinstance(e, PageAlloc):
                window = self._open.get(e.pair_key())
                if window is not None and e.order == 0 and e.highmem and len(window.frames) <= self._wanted(window):
                    window.frames.append(e.pfn)  # one too many says that they do not fit; more need not be kept
                continue
            if isinstance(e, Mapped):
                window = self._open.get(e.pair_key())
                if window is not None and len(window.mapped) <= len(self.topology.cpus):
                    window.mapped.append(e.pages)
                continue
            if isinstance(e, ev.Populate):
                self._begin(e)
            elif isinstance(e, ev.PopulateRet):
                self._close(e)
            elif isinstance(e, ev.Depopulated):
                self.records.append(DepopulateRecord(e.t, e.base, e.page_start, e.page_end))
            yield e

    def _wanted(self, window: _Window) -> int:
        """Pages of a populate: one for each possible CPU and page index."""
        return (window.begun.page_end - window.begun.page_start) * len(self.topology.cpus)

    def _begin(self, e: ev.Populate) -> None:
        """A populate whose return is lost is counted when its task begins another, or too many wait."""
        if e.pair_key() in self._open:
            del self._open[e.pair_key()]
            self.unplaced += 1
        elif len(self._open) == OPEN_MOST:
            del self._open[next(iter(self._open))]
            self.unplaced += 1
        self._open[e.pair_key()] = _Window(e)

    def _close(self, e: ev.PopulateRet) -> None:
        window = self._open.pop(e.pair_key(), None)
        if window is None or e.ret != 0:
            return
        rows = self._rows(window)
        if rows is None:
            self.unplaced += 1
            return
        begun = window.begun
        self.placed += 1
        self.records.append(PopulateRecord(begun.t, begun.base, begun.page_start, begun.page_end, rows))

    def _rows(self, window: _Window) -> tuple[tuple[int, ...], ...] | None:
        """The nodes by CPU and page; None if a page is missing or belongs to no node."""
        pages, cpus = window.begun.page_end - window.begun.page_start, len(self.topology.cpus)
        frames = window.frames
        if len(frames) != self._wanted(window):
            if len(window.mapped) != cpus or any(len(row) < pages or 0 in row[:pages] for row in window.mapped):
                return None
            frames = [(page - VMEMMAP) // STRUCT_PAGE_BYTES for row in window.mapped for page in row[:pages]]
        nodes = [self.frames.node_of(pfn) for pfn in frames]
        known = [node for node in nodes if node is not None and node in self.topology.node_index]
        if len(known) != len(nodes):
            return None
        return tuple(tuple(known[cpu * pages : (cpu + 1) * pages]) for cpu in range(cpus))

    def placement(self) -> Placement | None:
        """The placement seen; None if no populate could be placed."""
        if not any(isinstance(record, PopulateRecord) for record in self.records):
            return None
        records = tuple(sorted(self.records, key=lambda record: record.t))
        return Placement({cpu.id: cpu.node for cpu in self.topology.cpus}, records)
