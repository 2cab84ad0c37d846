"""Hypothesis strategies for machines, requests and placements, for tests here and of whoever builds on the engine.

They draw what can exist and shrink towards one node, one CPU, 4 KiB pages, four bytes at offset 0. Nothing else in the
four packages imports this module.
"""

from __future__ import annotations

from hypothesis import strategies as st

from percpu_fuzz.engine.topology import EXT_SIZES, LOCAL_DISTANCE, PAGE_SIZES, Cpu, Node, Topology
from percpu_fuzz.strategies.draw.choices import KINDS

Distances = tuple[tuple[int, ...], ...]
DISTANCES = (20, 10, 11, 12, 16, 21, 28, 32, 40, 255)
LARGEST_BYTES = 32768  # PCPU_MIN_UNIT_SIZE for pages of up to 32 KiB
NODE_PAGES_MAX = 1 << 20
USUAL_SIZES = tuple(sorted(size for size in KINDS["size"].values if 4 <= size <= LARGEST_BYTES))


@st.composite
def distances(draw: st.DrawFn, nr_nodes: int) -> Distances:
    """nr_nodes rows of SLIT distances: 10 to itself, 10 to 255 otherwise; symmetric or not."""
    lopsided = draw(st.booleans())
    rows = [[LOCAL_DISTANCE] * nr_nodes for _ in range(nr_nodes)]
    for i in range(nr_nodes):
        for j in range(i):
            rows[i][j] = draw(st.sampled_from(DISTANCES))
            rows[j][i] = draw(st.sampled_from(DISTANCES)) if lopsided else rows[i][j]
    return tuple(tuple(row) for row in rows)


@st.composite
def nodes(draw: st.DrawFn, max_nodes: int) -> tuple[Node, ...]:
    """1 to max_nodes possible nodes with ascending, maybe sparse ids; at least one has memory.

    Others may be without memory or offline; watermarks are 0 <= min <= low.
    """
    ids = sorted(draw(st.sets(st.integers(0, 3 * max_nodes), min_size=1, max_size=max_nodes)))
    kinds = [draw(st.sampled_from(("full", "memoryless", "offline"))) for _ in ids]
    kinds[draw(st.integers(0, len(ids) - 1))] = "full"
    made = []
    for number, kind in zip(ids, kinds, strict=True):
        low = draw(st.integers(0, 64))
        pages = draw(st.integers(1, NODE_PAGES_MAX)) if kind == "full" else 0
        made.append(Node(number, kind != "offline", pages, low, draw(st.integers(0, low))))
    return tuple(made)


@st.composite
def cpus(draw: st.DrawFn, online_nodes: tuple[int, ...], max_cpus: int) -> tuple[Cpu, ...]:
    """1 to max_cpus possible CPUs on the given nodes, at least the first online; some absent, some isolated."""
    count = draw(st.integers(1, max_cpus))
    return tuple(
        Cpu(
            c,
            draw(st.sampled_from(online_nodes)),
            online=c == 0 or not draw(st.booleans()),
            isolated=draw(st.integers(0, 7)) == 7,
        )
        for c in range(count)
    )


@st.composite
def topologies(
    draw: st.DrawFn, *, max_nodes: int = 4, max_cpus: int = 8, page_sizes: tuple[int, ...] = PAGE_SIZES
) -> Topology:
    """Machines of up to max_nodes possible nodes and max_cpus possible CPUs; the defaults are class small's lengths.

    Memoryless and offline nodes, sparse node ids, asymmetric distances, absent and isolated CPUs, both sizes of
    pcpuobj_ext, first and reserved chunks with or without room. Units are the least that PCPU_MIN_UNIT_SIZE allows, or
    8 pages. max_nodes up to 1,024 and max_cpus up to 8,192 are valid, and slow to draw.
    """
    made = draw(nodes(max_nodes))
    page_size = draw(st.sampled_from(page_sizes))
    online = tuple(node.id for node in made if node.online)
    least = max(1, LARGEST_BYTES // page_size)
    rooms = st.sampled_from((0, 512, 1024, 2048))
    return Topology(
        "drawn",
        made,
        draw(cpus(online, max_cpus)),
        draw(distances(len(made))),
        page_size,
        draw(st.sampled_from(EXT_SIZES)),
        draw(st.sampled_from((least, 8))),
        first_room_bytes=draw(rooms),
        first_start_bytes=draw(st.sampled_from((0, 4, 512))),
        reserved_room_bytes=draw(rooms),
    )


def sizes(*, largest_bytes: int = LARGEST_BYTES) -> st.SearchStrategy[int]:
    """Sizes in bytes as the allocator rounds them: multiples of 4 from 4 to largest_bytes.

    Any such size, those that callers ask for, and those within a granule or two of whole and half pages.
    """
    near = st.tuples(st.sampled_from((2048, 4096, 8192, 16384, 32768)), st.integers(-2, 2))
    anything = st.one_of(
        st.integers(1, largest_bytes // 4).map(lambda granules: granules * 4),
        st.sampled_from(USUAL_SIZES),
        near.map(lambda pair: pair[0] + 4 * pair[1]),
    )
    return anything.filter(lambda size_bytes: 4 <= size_bytes <= largest_bytes)


def alignments(*, page_size: int = 4096) -> st.SearchStrategy[int]:
    """Alignments that pcpu_alloc accepts: powers of two from 4 to the page size, bytes."""
    return st.integers(2, page_size.bit_length() - 1).map(lambda shift: 1 << shift)


@st.composite
def areas(draw: st.DrawFn, topology: Topology) -> tuple[int, int]:
    """(offset, size) in bytes of an area that lies inside a unit, the offset aligned to some alignment.

    Offsets near the end of a page are as likely as others, so areas straddle often.
    """
    unit_bytes = topology.unit_pages * topology.page_size
    size_bytes = draw(sizes(largest_bytes=min(unit_bytes, topology.min_unit_size_bytes, LARGEST_BYTES)))
    align = draw(alignments(page_size=topology.page_size))
    most = (unit_bytes - size_bytes) // align
    before_end = topology.page_size - min(size_bytes, topology.page_size) // 2
    straddling = st.just(min(before_end // align, most))
    return align * draw(st.one_of(st.integers(0, most), straddling)), size_bytes


def page_nodes(topology: Topology, *, pages: int | None = None) -> st.SearchStrategy[list[list[int]]]:
    """Where backing pages lie: [page][CPU] = node index (not id), only nodes with memory. `pages`: all of a unit."""
    where = st.sampled_from([i for i, node in enumerate(topology.nodes) if node.has_memory])
    nr_pages = topology.unit_pages if pages is None else pages
    row = st.lists(where, min_size=len(topology.cpus), max_size=len(topology.cpus))
    return st.lists(row, min_size=nr_pages, max_size=nr_pages)


def ext_nodes(topology: Topology) -> st.SearchStrategy[list[int]]:
    """Where the pages of a chunk's obj_exts lie: node indices of nodes with memory, one for each page of the vector."""
    where = st.sampled_from([i for i, node in enumerate(topology.nodes) if node.has_memory])
    nr_pages = topology.unit_pages * topology.ext_size // 4
    return st.lists(where, min_size=nr_pages, max_size=nr_pages)
