"""Planted slips: one wrong line each in `fixed`, to see whether the invariants notice. Choice `slip` of a Variant.

A slip is for what no choice of the series expresses; each names the kernel function that it alters.
"""

from __future__ import annotations

(
    NO_SLIP, SLIP_PARK, SLIP_ROOT, SLIP_MATCH, SLIP_BOUND, SLIP_KEEP, SLIP_FRESH, SLIP_UNCHARGE_OWN, SLIP_CHARGE_OWN,
    SLIP_SURPLUS, SLIP_STAT_PAYLOAD, SLIP_REFUND_MORE, SLIP_FREE_WALK, SLIP_FREE_EXT, SLIP_KILL, SLIP_ORIG, SLIP_PUT,
    SLIP_LIMIT, SLIP_NO_ENTRY, SLIP_DEPOPULATE, SLIP_DUPLICATE, SLIP_FAT_SLOT, SLIP_CONSUME, SLIP_NEXT_NODE,
    SLIP_REFUND_UP, SLIP_DRAIN_KMEM, SLIP_BIG_REFILL, SLIP_TASK_PUT, SLIP_REFUND_BYTES, SLIP_GARBAGE, SLIP_UNCHARGED,
    SLIP_SCOPE_UP, SLIP_MOVED, SLIP_POINTER, SLIP_ALL_FAIL, SLIP_DEAD_PAGES, SLIP_EVICT,
) = range(37)  # fmt: skip

GARBAGE = 252  # what an uninitialised nr_pages (a byte) holds on an even CPU; GARBAGE + 3 on an odd one

SLIPS: dict[str, tuple[int, str, str]] = {
    "park": (SLIP_PARK, "obj_cgroup_precharge", "the precharge is parked in the page stock until the post hook"),
    "root": (SLIP_ROOT, "account_kmem", "KMEM of root is not counted when pages are accounted"),
    "match": (SLIP_MATCH, "__refill_obj_stock", "the byte stock is matched by memcg instead of by objcg"),
    "bound": (SLIP_BOUND, "__refill_obj_stock", "a slot may hold twice U16_MAX"),
    "keep": (SLIP_KEEP, "__refill_obj_stock", "allow_uncharge is ignored: more than a page stays"),
    "fresh": (SLIP_FRESH, "refill_stock", "a new slot starts with what the slot before it holds"),
    "uncharge-own": (SLIP_UNCHARGE_OWN, "page_counter_uncharge", "only the own level is uncharged"),
    "charge-own": (SLIP_CHARGE_OWN, "page_counter_try_charge", "only the own level is charged"),
    "surplus": (SLIP_SURPLUS, "try_charge_memcg", "the rest of the batch is not put into the stock"),
    "stat-payload": (SLIP_STAT_PAYLOAD, "post_alloc_hook", "PERCPU_B grows by the payload, falls by F"),
    "refund-more": (SLIP_REFUND_MORE, "post_alloc_hook", "one page too many is given back"),
    "free-walk": (SLIP_FREE_WALK, "free_hook", "the free walks pages from the size alone, the alloc exactly"),
    "free-ext": (SLIP_FREE_EXT, "free_hook", "the free leaves the obj_exts slice out"),
    "kill": (SLIP_KILL, "memcg_reparent_objcgs", "percpu_ref_kill is left out"),
    "orig": (SLIP_ORIG, "__mem_cgroup_free", "orig_objcg is not put"),
    "put": (SLIP_PUT, "free_hook", "the area's reference is not put"),
    "limit": (SLIP_LIMIT, "page_counter_try_charge", "the limit is compared before the add"),
    "no-entry": (SLIP_NO_ENTRY, "post_alloc_hook", "the obj_exts entry is not written"),
    "depopulate": (SLIP_DEPOPULATE, "pcpu_reclaim_populated", "pages under live areas are given up too"),
    "duplicate": (SLIP_DUPLICATE, "__refill_obj_stock", "the slot of the objcg is overlooked while one is empty"),
    "fat-slot": (SLIP_FAT_SLOT, "refill_stock", "a slot above 64 pages is not drained"),
    "consume": (SLIP_CONSUME, "consume_stock", "pages are consumed without being subtracted"),
    "next-node": (SLIP_NEXT_NODE, "free_hook", "bytes are uncharged from the node after the right one"),
    "refund-up": (SLIP_REFUND_UP, "obj_cgroup_unprecharge", "the refund goes to the parent"),
    "drain-kmem": (SLIP_DRAIN_KMEM, "drain_obj_stock_slot", "KMEM is not reduced by drained pages"),
    "big-refill": (SLIP_BIG_REFILL, "refill_stock", "more than 64 pages are dropped instead of uncharged"),
    "task-put": (SLIP_TASK_PUT, "current_objcg_update", "the old entry's reference is not put"),
    "refund-bytes": (
        SLIP_REFUND_BYTES,
        "6/9 post_alloc_hook",
        "the refund is booked, then goes through the byte stock",
    ),
    "garbage": (SLIP_GARBAGE, "refill_stock", "nr_pages of a new slot is not initialised: a byte of garbage"),
    "uncharged": (SLIP_UNCHARGED, "pcpu_memcg_pre_alloc_hook", "nothing is ever charged"),
    "scope-up": (SLIP_SCOPE_UP, "current_obj_cgroup", "an active scope's charge goes to its parent"),
    "moved": (SLIP_MOVED, "current_obj_cgroup", "a task that moved goes on charging its old cgroup"),
    "pointer": (SLIP_POINTER, "memcg_reparent_objcgs", "the node's pointer of another cgroup is cleared too"),
    "all-fail": (SLIP_ALL_FAIL, "try_charge_memcg", "every charge fails"),
    "dead-pages": (SLIP_DEAD_PAGES, "memcg_hotplug_cpu_dead", "a dead CPU keeps its page stock"),
    "evict": (SLIP_EVICT, "refill_stock", "the pages of an evicted slot are dropped instead of uncharged"),
}
