"""Which acting CPU of the engine stands for a recorded one."""

from __future__ import annotations

from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.strategies.fidelity.one_task import acting_rows


def test_ids_may_be_sparse_and_many() -> None:
    """Rows are counted over acting CPUs, not ids; a CPU without a row of its own has one of its node."""
    nodes = (Node(0, pages=1000), Node(1, pages=1000))
    cpus = tuple(Cpu(4 * i, i % 2) for i in range(12))
    rows = acting_rows(Topology("sparse", nodes, cpus, ((10, 20), (20, 10))), 8)
    assert [rows[4 * i] for i in range(8)] == list(range(8))
    assert [rows[4 * i] for i in range(8, 12)] == [0, 1, 0, 1]
    assert 1 not in rows
