"""A case node by node: the bytes that lie on each node and the pages that are counted there."""

from __future__ import annotations

from places import DATA

from percpu_fuzz.engine.program import Memcg, Op, Program, Task
from percpu_fuzz.engine.scenario import Scenario, load_finding
from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.findings.showing import PerNode
from percpu_fuzz.strategies.run.replay import run_scenario


def per_node(scenario: Scenario, variant: Variant) -> list[dict[str, int]]:
    """The rows of a whole run."""
    nodes = PerNode(scenario.topology)
    run_scenario(scenario, variant, nodes.watch)
    return nodes.rows()


def test_the_shortfall_node_by_node() -> None:
    """README's case, by hand: 2,048 bytes on each of two CPUs with metadata of 4,096, two nodes, and on v2 a page each
    for the payload; a variant that charges no node has no picture.
    """
    nodes = (Node(0, pages=4096), Node(1, pages=4096))
    machine = Topology("two nodes", nodes, (Cpu(0, node=0), Cpu(1, node=1)), distances=((10, 20), (20, 10)))
    alloc = Op("alloc", memcg=1, size_bytes=2048, align=8, gfp=1)
    case = Scenario(machine, Program((Task(ops=(alloc,)),), memcgs=(Memcg(0),)))
    assert per_node(case, VARIANTS["v2"]) == [
        {"node": 0, "bytes": 2048, "pages": 1, "page_size": 4096},
        {"node": 1, "bytes": 2048, "pages": 1, "page_size": 4096},
    ]


def test_every_finding_has_its_nodes() -> None:
    """Kept findings: a row for each possible node, never more bytes than pages at the moment shown."""
    for path in sorted((DATA / "findings").glob("*.json")):
        finding = load_finding(path.read_bytes(), str(path))
        rows = per_node(finding.scenario, VARIANTS[finding.variant])
        assert [row["node"] for row in rows] == [node.id for node in finding.scenario.topology.nodes]
        assert sum(row["bytes"] for row in rows) > 0
