"""A case node by node: bytes charged and pages counted at the moment when most bytes were charged."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.topology import Topology

MOST_NODES = 16  # of a picture; shrunk cases have one to four


class PerNode:
    """Watches a run: watch() at each step, then rows()."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.nodes = [node.id for node in topology.nodes]
        self.most = 0
        self.found = [(0, 0)] * len(self.nodes)

    def watch(self, state: Any, _task: int, _label: int) -> None:
        """Keep what each node holds if no moment before had more bytes charged."""
        if len(self.nodes) > MOST_NODES:
            return
        nodes, width = len(self.nodes), state.l_bytes.shape[1]
        held = [sum(state.l_bytes.cells[n::width]) for n in range(min(width, nodes))]
        if sum(held) >= max(self.most, 1):
            self.most = sum(held)
            memcgs = range(1, len(state.memcg_usage))
            pages = [sum(state.memcg_kmem[m * nodes + n] for m in memcgs) for n in range(len(held))]
            self.found = list(zip(held, pages, strict=True))

    def rows(self) -> list[dict[str, int]]:
        """{node, bytes, pages, page_size} of each possible node; empty if no byte was ever charged to a node.

        bytes: of live areas, as they were charged to the node; pages: KMEM pages that all memcgs but the root count
        there, slab objects included. A page that is counted and not filled is held by a stock or is on its way back.
        """
        if not self.most:
            return []
        return [
            {"node": node, "bytes": held, "pages": pages, "page_size": self.topology.page_size}
            for node, (held, pages) in zip(self.nodes, self.found, strict=True)
        ]
