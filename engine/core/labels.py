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

# Kinds of operations in a program.
(
    OP_NOP,
    OP_ALLOC,
    OP_FREE,
    OP_KMEM,
    OP_MKDIR,
    OP_RMDIR,
    OP_SETMAX,
    OP_CHARGE_USER,
    OP_MOVE,
    OP_MIGRATE,
    OP_CPU_DEAD,
    OP_CPU_ONLINE,
    OP_PRESSURE,
    OP_DRAIN,
    OP_BARRIER,
    OP_NODE_ONLINE,
    OP_EXIT,
    OP_FORCE_DRAIN,
    OP_PLACE,
) = range(19)

OP_NAMES = (
    "nop", "alloc", "free", "kmem", "mkdir", "rmdir", "set_max", "charge_user", "move", "migrate", "cpu_dead",
    "cpu_online", "pressure", "drain", "barrier", "node_online", "exit", "force_drain", "place",
)  # fmt: skip

# gfp bits of an operation.
GFP_ACCOUNT = 1
GFP_NOBLOCK = 2  # no __GFP_DIRECT_RECLAIM: GFP_NOWAIT, GFP_ATOMIC
GFP_HIGH = 4  # __GFP_HIGH: GFP_ATOMIC, forced over the limit
GFP_NORETRY = 8
GFP_NOFAIL = 16
OP_KILLED = 32  # the task is killed while it waits for pcpu_alloc_mutex
OP_RESERVED = 64
OP_OWN = 128  # charge the task's own cgroup (task->objcgs), not op_memcg's active scope
