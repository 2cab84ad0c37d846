"""Hypothesis strategies for machines: nodes, CPUs, distances, whole topologies.

They draw what can exist and shrink towards one node, one CPU and 4 KiB pages.
"""

from __future__ import annotations

from hypothesis import strategies as st

from percpu_fuzz.engine.topology import EXT_SIZES, LOCAL_DISTANCE, PAGE_SIZES, Cpu, Node, Topology

Distances = tuple[tuple[int, ...], ...]
DISTANCES = (20, 10, 11, 12, 16, 21, 28, 32, 40, 255)
LARGEST_UNIT_BYTES = 32768  # PCPU_MIN_UNIT_SIZE for pages of up to 32 KiB
DRAWN_PAGES_MAX = 1 << 20


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
    kinds = [draw(st.sampled_from(("full", "full", "memoryless", "offline"))) for _ in ids]
    kinds[draw(st.integers(0, len(ids) - 1))] = "full"
    made = []
    for number, kind in zip(ids, kinds, strict=True):
        low = draw(st.integers(0, 64))
        pages = draw(st.integers(1, DRAWN_PAGES_MAX)) if kind == "full" else 0
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
    least = max(1, LARGEST_UNIT_BYTES // page_size)
    rooms = st.sampled_from((0, 512, 1024, 2048))
    return Topology(
        "drawn", made, draw(cpus(online, max_cpus)), draw(distances(len(made))), page_size,
        draw(st.sampled_from(EXT_SIZES)), draw(st.sampled_from((least, 8))), first_room_bytes=draw(rooms),
        first_start_bytes=draw(st.sampled_from((0, 4, 512))), reserved_room_bytes=draw(rooms),
    )  # fmt: skip
