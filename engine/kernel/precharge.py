"""How many pages an allocation precharges (nr_precharge_pages), and how large it is in full (pcpu_obj_full_size).

Pure arithmetic of machine, variant and size, so that worked vectors and recorded hooks run through the campaigns' code.
"""

from __future__ import annotations

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.primitives import ceil_div
from percpu_fuzz.engine.core.records import Prog, Topo
from percpu_fuzz.engine.variant import TOTAL_PAYLOAD


@compiled
def full_size(topo: Topo, size_bytes: int) -> int:
    """pcpu_obj_full_size: payload of all possible CPUs plus the area's share of obj_exts."""
    return size_bytes * topo.nr_cpus + size_bytes // 4 * topo.ext_size


@compiled
def nr_precharge_pages(topo: Topo, prog: Prog, size_bytes: int) -> int:
    """pcpu_memcg_nr_precharge_pages, with the variant's formula in place of ceil + N."""
    total = full_size(topo, size_bytes)
    if prog.v_precharge_total == TOTAL_PAYLOAD:
        total = size_bytes * topo.nr_cpus
    if prog.v_precharge_short == 1 and total < topo.page_size:
        return topo.nr_nodes
    ceil_pages = ceil_div(total, topo.page_size)
    touched = topo.nr_cpus * (ceil_div(size_bytes, topo.page_size) + 1) + touched_ext_pages(topo, size_bytes)
    pages = ceil_pages + prog.v_precharge_a * topo.nr_nodes + prog.v_precharge_c
    return max(pages + prog.v_precharge_b * min(topo.nr_nodes, touched), 0)


@compiled
def touched_ext_pages(topo: Topo, size_bytes: int) -> int:
    """At most so many pages hold the obj_exts slice of an area of that size."""
    return ceil_div(size_bytes // 4 * topo.ext_size, topo.page_size) + 1
