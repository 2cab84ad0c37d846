"""The worked vectors T1 to T5, T8 of the arithmetic, through the engine's own functions in plain and compiled form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainRecord
from percpu_fuzz.engine.core.records import Prog, State, new_record
from percpu_fuzz.engine.kernel.accumulate import accumulate, pages_of_node
from percpu_fuzz.engine.kernel.precharge import full_size, nr_precharge_pages
from percpu_fuzz.engine.topology import Cpu, Node, Topology, size_class_of, topo_record
from percpu_fuzz.engine.variant import VARIANTS


def machine(page_size: int, nodes_of_cpus: list[int], nr_nodes: int, ext_size: int = 8) -> Topology:
    """nr_nodes nodes with memory, one CPU a listed node."""
    rows = tuple(tuple(10 if i == j else 20 for j in range(nr_nodes)) for i in range(nr_nodes))
    cpus = tuple(Cpu(c, n) for c, n in enumerate(nodes_of_cpus))
    return Topology("vector", tuple(Node(n, pages=1000) for n in range(nr_nodes)), cpus, rows, page_size, ext_size)


class Bench:
    """A machine with one dynamic chunk whose pages lie as told, read by the plain functions of the engine."""

    def __init__(self, topology: Topology, variant: str, size_bytes: int, off: int = 0) -> None:
        size_class = size_class_of(topology)
        prog = new_record(Prog, size_class)[0]
        VARIANTS[variant].write(prog)
        self.topo: Any = PlainRecord(topo_record(topology, size_class)[0])
        self.prog: Any = PlainRecord(prog)
        self.state: Any = PlainRecord(new_record(State, size_class)[0])
        self.state.nr_online_nodes = len(topology.nodes)
        for n in range(len(topology.nodes)):
            self.state.node_online[n] = 1
        self.size_bytes, self.off = size_bytes, off
        for page in range(8):
            for cpu, where in enumerate(topology.cpus):
                self.put(cpu, page, topology.node_index[where.node])

    def put(self, cpu: int, page: int, node: int) -> None:
        if self.topo.by_count:
            self.state.page_count[2, page, node] += 1
        else:
            self.state.page_node[2, cpu, page] = node

    def answer(self) -> tuple[int, int, list[tuple[int, int, int]], int]:
        """F, precharge, [(node bytes, pages, remainder)], used."""
        plain(accumulate)(self.topo, self.prog, self.state, 2, self.off, self.size_bytes, self.state.node_bytes, 0)
        rows = []
        for n in range(self.topo.nr_nodes):
            held = self.state.node_bytes[0, n]
            pages = plain(pages_of_node)(self.topo, self.prog, held)
            rows.append((held, pages, pages * self.topo.page_size - held))
        full = plain(full_size)(self.topo, self.size_bytes)
        precharge = plain(nr_precharge_pages)(self.topo, self.prog, self.size_bytes)
        return full, precharge, rows, sum(row[1] for row in rows)


VECTORS = [
    ("T1", 4096, [0, 1], 2, 8, 2048, "v2", 8192, 4, [(2048, 1, 2048), (2048, 1, 2048)], 2),
    ("T1v7", 4096, [0, 1], 2, 8, 2048, "v2-exts", 8192, 4, [(6144, 2, 2048), (2048, 1, 2048)], 3),
    ("T2", 4096, [0, 0], 1, 8, 8, "v2", 32, 2, [(16, 1, 4080)], 1),
    ("T2v7", 4096, [0, 0], 1, 8, 8, "v2-exts", 32, 2, [(32, 1, 4064)], 1),
    ("T2v8", 4096, [0, 0], 1, 8, 8, "v2-fast", 32, 2, [(32, 1, 4064)], 1),
    ("T3", 4096, [0, 0, 1, 1, 2, 2, 3, 3], 4, 8, 4, "v2", 40, 5, [(8, 1, 4088)] * 4, 4),
    ("T3v7", 4096, [0, 0, 1, 1, 2, 2, 3, 3], 4, 8, 4, "v2-exts", 40, 5, [(16, 1, 4080)] + [(8, 1, 4088)] * 3, 4),
    ("T4", 4096, [0] * 88 + [1] * 88, 2, 16, 1968, "v2", 354240, 89, [(173184, 43, 2944)] * 2, 86),
    (
        "T4v7", 4096, [0] * 88 + [1] * 88, 2, 16, 1968, "v2-exts", 354240, 89,
        [(181056, 45, 3264), (173184, 43, 2944)], 88,
    ),
    ("T5", 65536, [0, 1] * 40, 2, 8, 65536, "v2", 5373952, 84, [(2621440, 40, 0)] * 2, 80),
    ("T5v7", 65536, [0, 1] * 40, 2, 8, 65536, "v2-exts", 5373952, 84, [(2752512, 42, 0), (2621440, 40, 0)], 82),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "page", "cpus", "nodes", "ext", "size", "variant", "full", "precharge", "rows", "used"), VECTORS
)
def test_worked_vectors(
    name: str, page: int, cpus: list[int], nodes: int, ext: int, size: int, variant: str, full: int, precharge: int,
    rows: list[tuple[int, int, int]], used: int,
) -> None:  # fmt: skip
    """F, precharge, bytes, pages and remainders by node and pages used are those computed by hand."""
    bench = Bench(machine(page, cpus, nodes, ext), variant, size)
    assert bench.answer() == (full, precharge, rows, used)


def test_first_version_runs_short() -> None:
    """v1 on T1: the payload is exactly a page, so one page is precharged where two are used."""
    bench = Bench(machine(4096, [0, 1], 2), "v1", 2048)
    full, precharge, rows, used = bench.answer()
    assert (precharge, used) == (1, 2)
    assert (full, len(rows)) == (8192, 2)


def test_tight_family() -> None:
    """T8: N = C = K, 4 bytes, 7/9: used is the precharge less one for every N from 2 to 1022, then less two."""
    for nr_nodes in (*range(2, 40), 256, 1021, 1022, 1023, 1024):
        bench = Bench(machine(4096, list(range(nr_nodes)), nr_nodes), "v2-exts", 4)
        _, precharge, _, used = bench.answer()
        assert precharge - used == (1 if nr_nodes <= 1022 else 2), nr_nodes


def test_straddling_area_is_booked_on_its_first_page() -> None:
    """T6: v2 books all on the first page's nodes; the exact walk of `fixed` sees the third node."""
    topology = machine(4096, [0, 1], 3)
    for variant, want in (("v2", [1968, 1968, 0]), ("fixed", [160 + 1968 * 2, 160, 3616])):
        bench = Bench(topology, variant, 1968, 3936)
        for cpu in range(2):
            bench.state.page_node[2, cpu, 1] = 2
        _, _, rows, _ = bench.answer()
        assert [row[0] for row in rows] == want, variant


def test_straddle_over_three_pages_never_looks_at_the_last() -> None:
    """T7: the page that only the tail lies on is invisible to v2 and v2-exts; the truth is what `fixed` charges."""
    topology = machine(4096, [0, 0, 1, 1], 8)
    want = {
        "v2": ({0: 16384, 1: 16384}, 20),
        "v2-exts": ({0: 16384, 1: 16384, 3: 16384}, 20),
        "fixed": ({0: 8200, 1: 8200, 3: 16384, 5: 16368}, 19),
    }
    for variant, (by_node, precharge) in want.items():
        bench = Bench(topology, variant, 8192, 4092)
        for cpu, where in enumerate((0, 0, 1, 1)):
            if bench.topo.by_count:
                bench.state.page_count[2, 2, where] -= 1
            bench.put(cpu, 2, 5)
        for page in range(16):
            bench.state.ext_node[2, page] = 3
        full, found, rows, _ = bench.answer()
        assert (full, found) == (49152, precharge)
        assert {n: row[0] for n, row in enumerate(rows) if row[0]} == by_node, variant


def test_precharge_never_runs_short_on_random_vectors() -> None:
    """sum ceil(b_n / P) <= ceil(T / P) + K - 1 on 20,000 random vectors of up to 16 nodes, with slack 0 reached."""
    rng = np.random.default_rng(3)
    slack = []
    for _ in range(20_000):
        held = rng.integers(1, 9000, size=rng.integers(1, 17))
        used = int(np.sum(-(-held // 4096)))
        slack.append(-(-int(held.sum()) // 4096) + len(held) - 1 - used)
    assert min(slack) == 0
