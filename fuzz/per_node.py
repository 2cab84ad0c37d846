"""A case node by node: bytes charged and pages counted at the moment when most bytes were charged."""

from __future__ import annotations

from typing import Any

from engine.scenario import Scenario
from engine.variant import Variant
from strategies.replay import run_scenario

MOST_NODES = 16  # of a picture; shrunk cases have one to four


def per_node(scenario: Scenario, variant: Variant) -> list[dict[str, int]]:
    """{node, bytes, pages, page_size} of each possible node; empty if the case never charges a byte to a node.

    bytes: of live areas, as they were charged to the node; pages: KMEM pages that all memcgs but the root count there,
    slab objects included. A page that is counted and not filled is held by a stock or is on its way back.
    """
    nodes = [node.id for node in scenario.topology.nodes]
    most, found = 0, [(0, 0)] * len(nodes)

    def watch(state: Any, _task: int, _label: int) -> None:
        nonlocal most, found
        areas, width = state.l_bytes.shape
        held = [sum(state.l_bytes[a, n] for a in range(areas)) for n in range(min(width, len(nodes)))]
        if sum(held) >= max(most, 1):
            most = sum(held)
            memcgs = range(1, len(state.memcg_usage))
            pages = [sum(state.memcg_kmem[m * len(nodes) + n] for m in memcgs) for n in range(len(held))]
            found = list(zip(held, pages, strict=True))

    if len(nodes) > MOST_NODES:
        return []
    run_scenario(scenario, variant, watch)
    if not most:
        return []
    size = scenario.topology.page_size
    return [
        {"node": node, "bytes": held, "pages": pages, "page_size": size}
        for node, (held, pages) in zip(nodes, found, strict=True)
    ]
