"""The steps by name. A task's `pc` holds the label of the step it would take next; docs/MODEL.md has the table."""

from __future__ import annotations

# fmt: off
(
    IDLE, AT_BARRIER, FINISHED, RF_PUT, RF_GET, AL_CURRENT, AL_PRECHARGE, AL_PRECHARGED, AL_CHARGE_BYTES,
    AL_CHARGE_BYTES_BODY, AL_CHARGE_PAGES, AL_CHARGED_PAGES, AL_MUTEX, AL_AREA, AL_CREATE, AL_POPULATE,
    AL_POP_MARK, AL_POP_FAIL, AL_UNLOCK, AL_NO_AREA, PO_BEGIN, PO_ENTRY, PO_ACCUMULATE, PO_STAT, PO_NODE,
    PO_NID_MEMCG, PO_NID_OBJCG, PO_ACCOUNT, PO_NID2_MEMCG, PO_NID2_OBJCG, PO_REMAINDER, PO_REFUND, PO_DONE,
    PO_UNDO, PO_UNDONE, PO_PAGE, PO_CREDIT, PO_CREDIT_MEMCG, PO_CREDIT_OBJCG, FR_BEGIN, FR_ACCUMULATE, FR_STAT,
    FR_NODE, FR_NID_MEMCG, FR_NID_OBJCG, FR_UNCHARGE, FR_PAGE, FR_PAGE_MEMCG, FR_PAGE_OBJCG, FR_PUT, FR_UNLOCK,
    SL_PUT, SL_FREED, UN_REFILL, TC_CONSUME, TC_CONSUME_BODY, TC_LEVEL, TC_UNDO, TC_UNDO_BELOW, TC_FAILED,
    TC_RECLAIM, TC_MARGIN, TC_DRAIN, TC_AFTER_DRAIN, TC_OOM, TC_FORCE, TC_DONE, RS_LOCK, RS_BODY, RS_DRAINED,
    UC_LEVEL, RO_LOCK, RO_BODY, RO_INSERT, RO_UNLOCK, UP_KMEM, UP_DONE, DO_BYTES, DO_REST, DO_PUT, RL_NODE,
    RL_DONE, DA_BEGIN, DA_PAGE, DA_OBJ, DA_END, DL_LOCK, DL_PAGE_SLOT, DL_PAGE_CLEAR, DL_OBJ_LOCK, DL_OBJ_SLOT,
    DL_END, OP_MAX_DRAIN, OP_USER_END, OP_END, BA_FREE, BA_RECLAIM, BA_POPULATE, BA_FREE_EMPTY, OF_NULL,
    OF_MOVE, OF_KILL, OF_DRAIN, OF_PUT, CF_NODE, CF_DONE,
    OWN_1, OWN_2, OWN_3, OWN_4, OWN_5, OWN_6, OWN_7, OWN_8, OWN_9, OWN_10, OWN_11, OWN_12, OWN_13, OWN_14, OWN_15,
    OWN_16,
) = range(122)
# fmt: on

NAMES: tuple[str, ...] = tuple(
    name
    for name, value in sorted(
        ((k, v) for k, v in globals().items() if k.isupper() and isinstance(v, int)), key=lambda item: item[1]
    )
)

NR_MODEL = OWN_1  # labels from here on have a step only in a variant that brings steps of its own
MODEL_NAMES, OWN_NAMES = NAMES[:NR_MODEL], NAMES[NR_MODEL:]

# A few words for each step, as the kernel's functions are called; docs/MODEL.md says exactly what each does.
STEP_WORDS: dict[str, str] = {
    "IDLE": "begin", "AT_BARRIER": "barrier", "FINISHED": "teardown", "RF_PUT": "refresh objcgs: put",
    "RF_GET": "refresh objcgs: get", "AL_CURRENT": "current_obj_cgroup", "AL_PRECHARGE": "obj_cgroup_precharge",
    "AL_PRECHARGED": "precharge returns", "AL_CHARGE_BYTES": "obj_cgroup_charge",
    "AL_CHARGE_BYTES_BODY": "consume_obj_stock", "AL_CHARGE_PAGES": "obj_cgroup_charge_pages",
    "AL_CHARGED_PAGES": "pages charged", "AL_MUTEX": "lock pcpu_alloc_mutex", "AL_AREA": "pcpu_alloc_area",
    "AL_CREATE": "pcpu_create_chunk", "AL_POPULATE": "pcpu_populate_chunk", "AL_POP_MARK": "pcpu_chunk_populated",
    "AL_POP_FAIL": "pcpu_free_area", "AL_UNLOCK": "area is live", "AL_NO_AREA": "allocation failed",
    "PO_BEGIN": "post_alloc_hook", "PO_ENTRY": "obj_exts entry, get", "PO_ACCUMULATE": "accumulate_pages",
    "PO_STAT": "PERCPU_B +", "PO_NODE": "next node", "PO_NID_MEMCG": "obj_cgroup_nid: memcg",
    "PO_NID_OBJCG": "obj_cgroup_nid: objcg", "PO_ACCOUNT": "account_kmem", "PO_NID2_MEMCG": "obj_cgroup_nid 2: memcg",
    "PO_NID2_OBJCG": "obj_cgroup_nid 2: objcg", "PO_REMAINDER": "obj_cgroup_uncharge rest",
    "PO_REFUND": "used < precharge?", "PO_DONE": "post hook ends", "PO_UNDO": "post hook, no area",
    "PO_UNDONE": "all given back", "PO_PAGE": "credit: next page", "PO_CREDIT": "credit: next node",
    "PO_CREDIT_MEMCG": "obj_cgroup_nid: memcg", "PO_CREDIT_OBJCG": "obj_cgroup_nid: objcg",
    "FR_BEGIN": "free_hook, entry = NULL", "FR_ACCUMULATE": "accumulate_pages", "FR_STAT": "PERCPU_B -",
    "FR_NODE": "next node", "FR_NID_MEMCG": "obj_cgroup_nid: memcg", "FR_NID_OBJCG": "obj_cgroup_nid: objcg",
    "FR_UNCHARGE": "obj_cgroup_uncharge", "FR_PAGE": "next CPU's page", "FR_PAGE_MEMCG": "obj_cgroup_nid: memcg",
    "FR_PAGE_OBJCG": "obj_cgroup_nid: objcg", "FR_PUT": "obj_cgroup_put", "FR_UNLOCK": "unlock pcpu_lock",
    "SL_PUT": "slab object: put", "SL_FREED": "slab object is free", "UN_REFILL": "obj_cgroup_unprecharge",
    "TC_CONSUME": "consume_stock: trylock", "TC_CONSUME_BODY": "consume_stock", "TC_LEVEL": "page_counter_try_charge",
    "TC_UNDO": "undo the add", "TC_UNDO_BELOW": "undo a level below", "TC_FAILED": "try_charge failed",
    "TC_RECLAIM": "reclaim", "TC_MARGIN": "mem_cgroup_margin", "TC_DRAIN": "drain_all_stock",
    "TC_AFTER_DRAIN": "retry?", "TC_OOM": "mem_cgroup_oom", "TC_FORCE": "page_counter_charge",
    "TC_DONE": "try_charge returns", "RS_LOCK": "refill_stock: trylock", "RS_BODY": "refill_stock",
    "RS_DRAINED": "drain_stock", "UC_LEVEL": "page_counter_uncharge", "RO_LOCK": "refill_obj_stock: trylock",
    "RO_BODY": "refill_obj_stock", "RO_INSERT": "cache objcg", "RO_UNLOCK": "unlock obj_stock",
    "UP_KMEM": "uncharge_pages: KMEM -", "UP_DONE": "uncharge_pages ends", "DO_BYTES": "drain_obj_stock_slot",
    "DO_REST": "rest to nr_charged", "DO_PUT": "slot empty, put", "RL_NODE": "obj_cgroup_release",
    "RL_DONE": "objcg released", "DA_BEGIN": "drain_all_stock", "DA_PAGE": "page stock of a CPU",
    "DA_OBJ": "obj stock of a CPU", "DA_END": "drain_all_stock ends", "DL_LOCK": "drain work: lock",
    "DL_PAGE_SLOT": "drain page slot", "DL_PAGE_CLEAR": "page slot empty", "DL_OBJ_LOCK": "drain work: obj lock",
    "DL_OBJ_SLOT": "drain obj slot", "DL_END": "drain work ends", "OP_MAX_DRAIN": "memory.max: drain",
    "OP_USER_END": "user pages charged", "OP_END": "return", "BA_FREE": "balance: free chunks",
    "BA_RECLAIM": "balance: depopulate", "BA_POPULATE": "balance: populate", "BA_FREE_EMPTY": "balance: free empty",
    "OF_NULL": "pn->objcg = NULL", "OF_MOVE": "objcg->memcg = parent", "OF_KILL": "percpu_ref_kill",
    "OF_DRAIN": "css_offline: drain", "OF_PUT": "css_offline ends", "CF_NODE": "orig_objcg put",
    "CF_DONE": "css_free", **{name: f"own step {number}" for number, name in enumerate(OWN_NAMES, 1)},
}  # fmt: skip

# Kinds of operations in a program.
# fmt: off
(
    OP_NOP, OP_ALLOC, OP_FREE, OP_KMEM, OP_MKDIR, OP_RMDIR, OP_SETMAX, OP_CHARGE_USER, OP_MOVE, OP_MIGRATE, OP_CPU_DEAD,
    OP_CPU_ONLINE, OP_PRESSURE, OP_DRAIN, OP_BARRIER, OP_NODE_ONLINE, OP_EXIT, OP_FORCE_DRAIN, OP_PLACE,
) = range(19)
OP_NAMES = (
    "nop", "alloc", "free", "kmem", "mkdir", "rmdir", "set_max", "charge_user", "move", "migrate", "cpu_dead",
    "cpu_online", "pressure", "drain", "barrier", "node_online", "exit", "force_drain", "place",
)
# fmt: on

# gfp bits of an operation.
GFP_ACCOUNT = 1
GFP_NOBLOCK = 2  # no __GFP_DIRECT_RECLAIM: GFP_NOWAIT, GFP_ATOMIC
GFP_HIGH = 4  # __GFP_HIGH: GFP_ATOMIC, forced over the limit
GFP_NORETRY = 8
GFP_NOFAIL = 16
OP_KILLED = 32  # the task is killed while it waits for pcpu_alloc_mutex
OP_RESERVED = 64
OP_OWN = 128  # charge the task's own cgroup (task->objcgs), not op_memcg's active scope
