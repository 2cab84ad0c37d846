"""How long the records' dimensions are: the size classes, and what is equal in all of them."""

from __future__ import annotations

from percpu_fuzz.engine.core.declare import Size

NR_PAGE_STOCK = 7  # slots of the per-CPU page stock (NR_MEMCG_STOCK)
NR_OBJ_STOCK = 5  # slots of the per-CPU byte stock; v1's base used one of them
NR_INVARIANTS = 26
NR_HAZARDS = 26  # H1..H25, index 0 unused
NR_LOG = 8
NR_OWN = 2  # spare words of a row for steps of one's own


def _size(**lengths: int) -> Size:
    return {
        **lengths,
        "objcgs": lengths["memcgs"] * lengths["nodes"],
        "ext_pages": lengths["pages"] * 4,
        "page_slots": NR_PAGE_STOCK,
        "obj_slots": NR_OBJ_STOCK,
        "invariants": NR_INVARIANTS,
        "hazards": NR_HAZARDS,
        "dirty": NR_LOG,
        "pressed": 4,
        "own": NR_OWN,
        "rcu": 2 * lengths["memcgs"] * lengths["nodes"] + 2 * lengths["memcgs"] + 2,
    }


# map_cpus and count_nodes: a class keeps the node of each (CPU, page) or the number of pages by (page, node), not both.
SIZE_CLASSES: dict[str, Size] = {
    "small": _size(
        nodes=4, cpus=8, act=4, memcgs=10, tasks=12, areas=16, chunks=5, pages=8, ops=16, table=64,
        map_cpus=8, count_nodes=1, slots=16, runs=8,
    ),
    "wide": _size(
        nodes=1024, cpus=8192, act=16, memcgs=5, tasks=24, areas=32, chunks=5, pages=8, ops=16, table=1024,
        map_cpus=1, count_nodes=1024, slots=32, runs=8192,
    ),
    "trace": _size(
        nodes=16, cpus=64, act=8, memcgs=1024, tasks=12, areas=32768, chunks=64, pages=512, ops=4096, table=64,
        map_cpus=64, count_nodes=1, slots=32768, runs=64,
    ),
    # Plain mode only, never compiled: one uncontended operation on machines with many CPUs, where order by CPU matters.
    "survey": _size(
        nodes=16, cpus=512, act=4, memcgs=3, tasks=12, areas=8, chunks=5, pages=8, ops=8, table=64,
        map_cpus=512, count_nodes=1, slots=8, runs=512,
    ),
}  # fmt: skip
