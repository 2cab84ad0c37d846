"""The kernel function in which each step of the model happens, and the part of the series that it belongs to."""

from __future__ import annotations

OFFLINE, RELEASE_WORK = "mem_cgroup_css_offline", "mem_cgroup_css_free"
POST_HOOK, FREE_HOOK = "pcpu_memcg_post_alloc_hook", "pcpu_memcg_free_hook"

# The longest prefix of a label that is here counts (docs/MODEL.md, step table).
FUNCTIONS = {
    "AL_": "pcpu_alloc", "AL_AREA": "pcpu_alloc_area", "AL_CHARGE_BYTES": "obj_cgroup_charge",
    "AL_CHARGE_PAGES": "obj_cgroup_charge_pages", "AL_CHARGED_PAGES": "obj_cgroup_charge_pages",
    "AL_CREATE": "pcpu_create_chunk", "AL_CURRENT": "current_obj_cgroup", "AL_POPULATE": "pcpu_populate_chunk",
    "AL_POP_MARK": "pcpu_chunk_populated", "AL_PRECHARGE": "obj_cgroup_precharge", "AT_": "at rest",
    "BA_": "pcpu_balance_workfn", "CF_": RELEASE_WORK, "DA_": "drain_all_stock", "DL_": "drain_local_memcg_stock",
    "DL_OBJ": "drain_local_obj_stock", "DO_": "drain_obj_stock_slot", "FINISHED": "after teardown", "FR_": FREE_HOOK,
    "FR_PUT": "obj_cgroup_put", "FR_UNLOCK": "free_percpu", "IDLE": "begin", "OF_": OFFLINE,
    "OF_MOVE": "memcg_reparent_objcgs", "OF_NULL": "memcg_reparent_objcgs", "OP_MAX": "memory_max_write",
    "OP_": "return", "OWN_": "a step of its file", "PO_": POST_HOOK, "RF_": "current_obj_cgroup_update",
    "RL_": "obj_cgroup_release", "RO_": "refill_obj_stock", "RS_": "refill_stock", "SL_": "memcg_slab_free_hook",
    "TC_": "try_charge_memcg",
    "TC_CONSUME": "consume_stock", "TC_LEVEL": "page_counter_try_charge", "TC_MARGIN": "mem_cgroup_margin",
    "TC_FORCE": "page_counter_charge", "UC_": "page_counter_uncharge", "UN_": "obj_cgroup_unprecharge",
    "UP_": "obj_cgroup_uncharge_pages",
}  # fmt: skip
NO_FUNCTIONS = ("at rest", "after teardown", "begin", "return", "a step of its file")
HOOK_WORDS = {"PO_": "post hook", "FR_": "free hook", "AL_": "pre hook", "UN_": "post hook"}
PATCHES = {"split": "4/9", "v2": "6/9", "v2-exts": "7/9", "v2-fast": "8/9", "v1": "v1 of the series"}
NULL_MET = {
    "PO_ACCOUNT": "obj_cgroup_nid() returns NULL to obj_cgroup_account_kmem()",
    "PO_REMAINDER": "second obj_cgroup_nid() returns NULL to obj_cgroup_uncharge()",
    "PO_CREDIT_OBJCG": "obj_cgroup_nid() returns NULL to obj_cgroup_uncharge()",
    "FR_UNCHARGE": "obj_cgroup_nid() returns NULL to obj_cgroup_uncharge()",
    "FR_PAGE_OBJCG": "obj_cgroup_nid() returns NULL to obj_cgroup_uncharge()",
}  # where a NULL objcg is used


def function_of(label: str) -> str:
    """obj_cgroup_release() of RL_NODE; a few words for what is no function; the label itself if it is not known."""
    known = [prefix for prefix in FUNCTIONS if label.startswith(prefix)]
    name = FUNCTIONS[max(known, key=len)] if known else label
    return name if name in NO_FUNCTIONS or not known else f"{name}()"


def hook_of(label: str) -> str:
    """post hook, free hook, pre hook; empty for steps that are in none of them."""
    return next((words for prefix, words in HOOK_WORDS.items() if label.startswith(prefix)), "")
