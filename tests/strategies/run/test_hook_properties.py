"""Properties of the hooks' arithmetic on drawn machines, areas and placements, through the engine's own functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest
from few_cases import rounds
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from machines import alignments, areas, ext_nodes, page_nodes, sizes

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.records import Prog, State, new_record
from percpu_fuzz.engine.kernel.accumulate import accumulate, pages_of_node
from percpu_fuzz.engine.kernel.precharge import full_size, nr_precharge_pages
from percpu_fuzz.engine.topology import Topology, topo_record
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.given.topologies import topologies

CHUNK = 2
FIRST = settings(max_examples=1000, phases=[Phase.generate])  # the first example that will do, not the least
PER_NODE = ("v2", "v2-exts", "v2-fast", "fixed")


@dataclass(frozen=True)
class Placed:
    """An area of a chunk whose pages lie as drawn: page_nodes[page][CPU], ext_nodes[page]."""

    topology: Topology
    off: int
    size_bytes: int
    page_nodes: list[list[int]]
    ext_nodes: list[int]

    @property
    def full_bytes(self) -> int:
        return self.size_bytes * len(self.topology.cpus) + self.size_bytes // 4 * self.topology.ext_size

    @property
    def first_page(self) -> int:
        return self.off // self.topology.page_size

    @property
    def last_page(self) -> int:
        return (self.off + self.size_bytes - 1) // self.topology.page_size

    @property
    def straddles(self) -> bool:
        """It covers more than a page and does not begin on one: 6/9 counts pages from the size alone."""
        return self.first_page != self.last_page and self.off % self.topology.page_size != 0


@st.composite
def placed(draw: st.DrawFn, /, **limits: Any) -> Placed:
    topology = draw(topologies(**limits))
    off, size_bytes = draw(areas(topology))
    return Placed(topology, off, size_bytes, draw(page_nodes(topology)), draw(ext_nodes(topology)))


class Hooks:
    """What a variant's hooks compute for a placed area."""

    def __init__(self, area: Placed, variant: str, size_class: str = "small") -> None:
        prog = new_record(Prog, size_class)[0]
        VARIANTS[variant].write(prog)
        self.area = area
        self.prog: Any = PlainRecord(prog)
        topo: Any = PlainRecord(topo_record(area.topology, size_class)[0])
        state: Any = PlainRecord(new_record(State, size_class)[0])
        self.topo = topo
        state.nr_online_nodes = topo.nr_online_nodes
        for i, node in enumerate(area.topology.nodes):
            state.node_online[i] = int(node.online)
        self.state = state
        self.lay(area)

    def lay(self, area: Placed) -> None:
        for page, row in enumerate(area.page_nodes):
            for cpu, node in enumerate(row):
                if self.topo.by_count:
                    self.state.page_count[CHUNK, page, node] += 1
                else:
                    self.state.page_node[CHUNK, cpu, page] = node
        for page, node in enumerate(area.ext_nodes):
            self.state.ext_node[CHUNK, page] = node

    def node_bytes(self) -> list[int]:
        out = self.state.node_bytes
        plain(accumulate)(self.topo, self.prog, self.state, CHUNK, self.area.off, self.area.size_bytes, out, 0)
        return [out[0, n] for n in range(self.topo.nr_nodes)]

    def precharge(self) -> int:
        return plain(nr_precharge_pages)(self.topo, self.prog, self.area.size_bytes)

    def used(self) -> int:
        return sum(plain(pages_of_node)(self.topo, self.prog, held) for held in self.node_bytes())


def truth(area: Placed, *, payload: bool = True, exts: bool = True) -> list[int]:
    """Bytes by node, granule by granule: each four bytes of each CPU's copy, and each entry of obj_exts."""
    held = [0] * len(area.topology.nodes)
    page_size, ext_size = area.topology.page_size, area.topology.ext_size
    for granule in range(area.off // 4, (area.off + area.size_bytes) // 4):
        if payload:
            for node in area.page_nodes[granule * 4 // page_size]:
                held[node] += 4
        if exts:
            held[area.ext_nodes[granule * ext_size // page_size]] += ext_size
    return held


def ceil_pages(nr_bytes: int, page_size: int) -> int:
    return -(-nr_bytes // page_size)


@settings(max_examples=rounds(100, 1000))
@given(placed())
def test_precharge_bound(area: Placed) -> None:
    """sum ceil(b_n / P) <= ceil(T / P) + K - 1 for every per-node walk; v2 precharges more, fixed no less than that."""
    for variant in PER_NODE:
        hooks = Hooks(area, variant)
        held = [nr_bytes for nr_bytes in hooks.node_bytes() if nr_bytes > 0]
        bound = ceil_pages(sum(held), area.topology.page_size) + len(held) - 1
        assert hooks.used() <= bound
        assert bound <= hooks.precharge() - (0 if variant == "fixed" else 1)


@settings(max_examples=rounds(100, 1000))
@given(placed())
def test_sum_over_nodes(area: Placed) -> None:
    """The bytes by node add up to the payload in 6/9 and to F from 7/9 on, whatever straddles; F is as computed."""
    payload = area.size_bytes * len(area.topology.cpus)
    for variant in PER_NODE:
        hooks = Hooks(area, variant)
        assert plain(full_size)(hooks.topo, area.size_bytes) == area.full_bytes
        assert sum(hooks.node_bytes()) == (payload if variant == "v2" else area.full_bytes)


@settings(max_examples=rounds(100, 1000))
@given(placed())
def test_fixed_charges_the_truth(area: Placed) -> None:
    """Every granule and every obj_exts entry on the node of its page, straddling areas included."""
    assert Hooks(area, "fixed").node_bytes() == truth(area)


@settings(max_examples=rounds(100, 1000))
@given(placed())
def test_the_patch_charges_the_truth_where_nothing_straddles(area: Placed) -> None:
    """6/9 counts the payload where it lies if the area does not straddle; 7/9 adds obj_exts exactly in any case."""
    payload = Hooks(area, "v2").node_bytes()
    if not area.straddles:
        assert payload == truth(area, exts=False)
    exts = [a - b for a, b in zip(Hooks(area, "v2-exts").node_bytes(), payload, strict=True)]
    assert exts == truth(area, payload=False)


def test_the_patch_misplaces_a_straddling_area() -> None:
    """Control: Hypothesis finds a straddling area that 6/9 books on the wrong node, and `fixed` on the right one."""
    area = find(placed(), lambda a: Hooks(a, "v2").node_bytes() != truth(a, exts=False), settings=FIRST)
    assert area.straddles
    assert Hooks(area, "fixed").node_bytes() == truth(area)


@settings(max_examples=rounds(100, 1000))
@given(placed(), st.data())
def test_free_sees_what_alloc_saw(area: Placed, data: st.DataObject) -> None:
    """I3: between alloc and free other pages may be depopulated and come back elsewhere; the vector stays."""
    other = data.draw(page_nodes(area.topology))
    rows = [
        row if area.first_page <= page <= area.last_page else other[page] for page, row in enumerate(area.page_nodes)
    ]
    changed = Placed(area.topology, area.off, area.size_bytes, rows, area.ext_nodes)
    for variant in PER_NODE:
        hooks = Hooks(area, variant)
        at_alloc = hooks.node_bytes()
        hooks.lay(changed)
        assert hooks.node_bytes() == at_alloc


@settings(max_examples=rounds(100, 1000))
@given(placed())
def test_one_online_node_needs_no_walk(area: Placed) -> None:
    """8/9 equals 7/9: with one online node all of F is on it, with more it walks."""
    fast = Hooks(area, "v2-fast").node_bytes()
    assert fast == Hooks(area, "v2-exts").node_bytes()
    online = [i for i, node in enumerate(area.topology.nodes) if node.online]
    if len(online) == 1:
        assert fast[online[0]] == area.full_bytes


@settings(max_examples=12)
@given(placed())
def test_counts_by_node_do_what_the_map_by_cpu_does(area: Placed) -> None:
    """Class wide keeps how many CPUs' pages lie on a node, class small where each lies: the same vectors."""
    for variant in PER_NODE:
        assert Hooks(area, variant, "wide").node_bytes() == Hooks(area, variant).node_bytes()


def runs_short(area: Placed, variant: str) -> bool:
    hooks = Hooks(area, variant)
    return hooks.used() > hooks.precharge()


AREAS_SEED = 1
SMALL = placed(max_nodes=2, max_cpus=2, page_sizes=(4096,))


@cache
def small_areas() -> list[Placed]:
    """Drawn once for all variants: drawing costs seven times what the hooks do."""
    drawn: list[Placed] = []
    chosen = settings(max_examples=rounds(600, 3000), phases=[Phase.generate])
    with pytest.raises(NoSuchExample):
        find(SMALL, drawn.append, settings=chosen, random=Random(AREAS_SEED))
    return drawn


def test_the_first_version_runs_short() -> None:
    """Hypothesis finds v1 shortages on two nodes and two CPUs; at least a page of payload, on more than one node.

    One in some 80 examples, mostly a few in a row: of seeds 3% hold none in 600, so the seed is fixed.
    """
    short = [area for area in small_areas() if runs_short(area, "v1")]
    assert short
    for area in short:
        assert area.size_bytes * len(area.topology.cpus) >= 4096
        assert len({node for row in area.page_nodes for node in row}) == 2


@pytest.mark.parametrize("variant", PER_NODE)
def test_later_versions_do_not(variant: str) -> None:
    """On the very areas on which v1 does, none is short in v2 and what follows it."""
    assert not any(runs_short(area, variant) for area in small_areas())


@given(topologies(max_nodes=3, max_cpus=5))
def test_drawn_machines_stay_within_their_limits(topology: Topology) -> None:
    """At most the nodes and CPUs asked for, and a machine that class small takes."""
    assert 1 <= len(topology.nodes) <= 3
    assert 1 <= len(topology.cpus) <= 5
    assert topo_record(topology, "small")[0]["nr_nodes"] == len(topology.nodes)


@given(sizes(), alignments(page_size=16384))
def test_drawn_requests_are_legal(size_bytes: int, align: int) -> None:
    """Multiples of 4 up to 32 KiB; powers of two from 4 to the page size."""
    assert 4 <= size_bytes <= 32768
    assert size_bytes % 4 == 0
    assert 4 <= align <= 16384
    assert align & (align - 1) == 0


def test_drawn_machines_show_what_they_promise() -> None:
    """Control: memoryless and offline nodes, sparse ids, asymmetric distances, absent and isolated CPUs all occur."""
    promises = (
        lambda t: any(n.online and not n.has_memory for n in t.nodes),
        lambda t: any(not n.online for n in t.nodes),
        lambda t: t.nodes[-1].id >= len(t.nodes),
        lambda t: any(t.distances[i][j] != t.distances[j][i] for i in range(len(t.nodes)) for j in range(i)),
        lambda t: any(not c.online for c in t.cpus),
        lambda t: any(c.isolated for c in t.cpus),
        lambda t: t.ext_size == 16 and t.page_size == 65536 and t.first_room_bytes > 0,
    )
    for promise in promises:
        assert promise(find(topologies(), promise, settings=FIRST))
