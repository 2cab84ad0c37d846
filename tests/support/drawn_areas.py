"""Hypothesis strategies for percpu areas: size, alignment, place in a unit, and on which nodes their pages lie.

They shrink towards four bytes at offset 0 on the first node with memory.
"""

from __future__ import annotations

from hypothesis import strategies as st

from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.draw.choices import KINDS

LARGEST_BYTES = 32768  # of an area that every machine can hold
USUAL_SIZES = tuple(sorted(size for size in KINDS["size"].values if 4 <= size <= LARGEST_BYTES))


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
