"""Calls into memcg by size of the machine."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.reports.figures.operations import fit, spread, variants_of, with_touched


def row(machine: str, nodes: int, cpus: int, variant: str, calls: int, touched: int) -> dict[str, Any]:
    return {
        "machine": machine, "nodes": nodes, "cpus": cpus, "touched": touched, "variant": variant,
        "alloc_ops": calls, "free_ops": 2 * calls,
    }  # fmt: skip


def test_a_group_holds_its_machines_ends_included() -> None:
    """Machines of 2 to 4 CPUs need 5, 6 and 9 calls: median 6; a group without machines is None."""
    rows = [row(f"m{c}", 1, c, "v1", calls, 1) for c, calls in ((1, 1), (2, 5), (3, 9), (4, 6), (5, 70))]
    found = spread(rows, "v1", "alloc", "cpus", (2, 4))
    assert found is not None
    assert (found.machines, found.median, found.least, found.most) == (3, 6, 5, 9)
    assert spread(rows, "v1", "alloc", "cpus", (100, 200)) is None
    assert spread(rows, "v2", "alloc", "cpus", (2, 4)) is None


def test_nodes_touched_belong_to_the_machine_not_to_the_variant() -> None:
    """A variant that charges one objcg reports one node; the machine's three count for it too."""
    rows = with_touched([row("a", 4, 8, "split", 3, 1), row("a", 4, 8, "v2", 8, 3), row("b", 1, 2, "v2", 4, 1)])
    assert [found["touched"] for found in rows] == [3, 3, 1]
    bare = [{"nodes": 1, "cpus": 1, "variant": "v2", "alloc_ops": 1, "free_ops": 1}]
    assert with_touched(bare) == bare


def test_a_fit_tells_nodes_from_cpus() -> None:
    """calls = 3 nodes + 1 whatever the CPUs: a = 3, b = 0, all explained; fewer than eight machines give no fit."""
    rows = [row(f"m{n}.{c}", n, c, "v2", 3 * n + 1, n) for n in (1, 2, 4) for c in (2, 16, 128)]
    found = fit(rows, "v2", "alloc")
    assert found is not None
    assert (round(found.per_node, 9), round(found.per_cpu, 9), round(found.constant, 9)) == (3, 0, 1)
    assert round(found.explained or 0, 9) == round(found.with_nodes or 0, 9) == 1
    assert fit(rows[:7], "v2", "alloc") is None
    assert variants_of([*rows, row("x", 1, 1, "v1", 1, 1)]) == ["v2", "v1"]


def test_a_constant_has_no_correlation_and_nothing_to_explain() -> None:
    """Every machine needs two calls: slopes 0, R squared and ranks unknown rather than 0 or 1."""
    rows = [row(f"m{n}.{c}", n, c, "split", 2, n) for n in (1, 2, 4) for c in (2, 16, 128)]
    found = fit(rows, "split", "alloc")
    assert found is not None
    assert (found.explained, found.with_nodes, found.with_cpus) == (None, None, None)
