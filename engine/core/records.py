"""The records a run works on: Topo (the machine), Prog (the program, the variant), State: `step` changes State alone.

A scratch field is zero (-1 where a row is meant) while its task is between two operations: equal situations are equal.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from percpu_fuzz.engine.core.declare import Cube, Grid, Vec, dtype_of, i8, i16, i32, i64
from percpu_fuzz.engine.core.sizes import NR_HAZARDS as NR_HAZARDS
from percpu_fuzz.engine.core.sizes import NR_INVARIANTS as NR_INVARIANTS
from percpu_fuzz.engine.core.sizes import NR_LOG as NR_LOG
from percpu_fuzz.engine.core.sizes import NR_OBJ_STOCK as NR_OBJ_STOCK
from percpu_fuzz.engine.core.sizes import NR_OWN as NR_OWN
from percpu_fuzz.engine.core.sizes import NR_PAGE_STOCK as NR_PAGE_STOCK
from percpu_fuzz.engine.core.sizes import SIZE_CLASSES as SIZE_CLASSES

if TYPE_CHECKING:
    import numpy as np

    Record: TypeAlias = np.ndarray[Any, np.dtype[np.void]]
else:
    Record = Any


class Topo:
    """What a machine is: constant over a run. Nodes, CPUs and acting CPUs are dense indices (ids stay in Topology)."""

    page_size: int = i32()
    ext_size: int = i32()  # sizeof(struct pcpuobj_ext): 8 or 16
    nr_nodes: int = i32()  # num_possible_nodes()
    nr_online_nodes: int = i32()
    nr_cpus: int = i32()  # num_possible_cpus()
    nr_act: int = i32()  # CPUs on which tasks run
    unit_pages: int = i32()
    by_count: int = i32()  # 1: placement is kept as page counts by node (class wide)
    first_start: int = i32()  # bytes: where the dynamic region of the first chunk begins in its first page
    first_room: int = i32()  # bytes of the first chunk's dynamic region, 0 if none
    reserved_room: int = i32()
    min_unit_size: int = i32()  # PCPU_MIN_UNIT_SIZE: the largest allocation, bytes
    node_online: Vec = i8("nodes")
    node_memory: Vec = i8("nodes")
    node_free0: Vec = i32("nodes")  # pages free at the start
    node_low: Vec = i32("nodes")  # low watermark, pages
    node_min: Vec = i32("nodes")  # min watermark, pages
    cpu_node: Vec = i16("cpus")  # cpu_to_node; every possible CPU has one
    nr_runs: int = i32()  # possible CPUs in order, as runs of equal cpu_to_node
    run_node: Vec = i16("runs")
    run_cpus: Vec = i16("runs")
    act_node: Vec = i16("act")
    act_cpu: Vec = i16("act")
    act_isolated: Vec = i8("act")
    zonelist: Grid = i16("nodes", "nodes")  # nodes with memory in the order they are tried; -1 ends the row


class Prog:
    """What is run: the variant's choices, each task's operations, the initial memcgs, faults. Constant over a run."""

    # The variant (engine.variant names each choice and its values).
    v_charge: int = i8()
    v_precharge_a: int = i32()
    v_precharge_b: int = i32()
    v_precharge_c: int = i32()
    v_precharge_short: int = i8()
    v_precharge_total: int = i8()
    v_walk: int = i8()
    v_ext: int = i8()
    v_fast: int = i8()
    v_lookup: int = i8()
    v_refs: int = i8()
    v_post_rcu: int = i8()
    v_obj_slots: int = i8()
    v_round: int = i8()
    v_remainder: int = i8()
    v_free: int = i8()
    v_refund: int = i8()
    v_first_refund: int = i8()
    v_entry: int = i8()
    v_get: int = i8()
    v_nodes: int = i8()
    v_xchg: int = i8()
    v_drain: int = i8()
    v_evict: int = i8()
    v_cap: int = i8()
    v_trylock: int = i8()
    v_precharge_via: int = i8()
    v_stat: int = i8()
    v_release: int = i8()
    v_undo: int = i8()
    v_reparent: int = i8()
    v_store: int = i8()
    v_task_objcg: int = i8()
    v_metadata: int = i8()
    v_judge: int = i8()
    v_slip: int = i8()
    # Tasks and operations.
    nr_tasks: int = i8()
    task_cpu0: Vec = i8("tasks")
    task_memcg0: Vec = i16("tasks")
    task_irq: Vec = i8("tasks")
    nr_ops: Vec = i16("tasks")
    op_kind: Grid = i8("tasks", "ops")
    op_memcg: Grid = i16("tasks", "ops")
    op_slot: Grid = i16("tasks", "ops")
    op_bytes: Grid = i32("tasks", "ops")
    op_align: Grid = i32("tasks", "ops")
    op_gfp: Grid = i16("tasks", "ops")
    op_value: Grid = i32("tasks", "ops")
    probe_task: int = i8()
    probe_op: int = i16()
    # memcgs that exist at the start.
    nr_memcgs: int = i16()
    memcg_parent0: Vec = i16("memcgs")
    memcg_max0: Vec = i32("memcgs")
    memcg_user0: Vec = i32("memcgs")
    # Placement of backing pages and injected faults.
    place_mode: int = i8()  # 0 watermarks and zonelists; 1 the table below
    place_table: Vec = i16("table")  # each entry: which node with memory, modulo their number
    nr_table: int = i32()
    fail_populate: Vec = i8("dirty")  # 1: the k-th populate (modulo) fails
    fail_create: Vec = i8("dirty")
    fail_trylock: Vec = i8("dirty")
    fail_charge: Vec = i8("dirty")  # 1: the k-th charge that reaches the counters fails, if its flags let it
    fail_space: Vec = i8("dirty")  # 1: the k-th search that must not block finds no area
    fail_node: Vec = i8("dirty")  # node + 1: the k-th populate gets no page for CPUs of that node; 0 for none
    pressed: int = i8()  # 1: nodes start with pressed_pages free (node index modulo 4) instead of what the machine says
    pressed_pages: Vec = i32("pressed")
    nr_retries: int = i8()  # MAX_RECLAIM_RETRIES
    nested_refresh: int = i8()


class State:
    """What a run changes. Reset clears the rows in use, not the record."""

    # How much of the record the last reset made use of; the next one clears the larger of both.
    was_nodes: int = i32()
    was_cpus: int = i32()
    was_pages: int = i32()
    # The case.
    nr_steps: int = i64()
    fatal: int = i8()
    phase: int = i8()  # of teardown: RUNNING to OVER
    stirred: int = i8()  # HOLDS, WORK: who may step, of the tasks that did not step, may have changed
    hazard: Vec = i32("hazards")  # how often each hazard was passed
    violated: Vec = i8("invariants")
    viol_step: Vec = i64("invariants")
    viol_task: Vec = i8("invariants")
    viol_label: Vec = i16("invariants")
    viol_want: Vec = i64("invariants")
    viol_found: Vec = i64("invariants")
    viol_hazards: Vec = i32("invariants")
    # What the last step touched: rows for the incremental checks; *_n above the length asks for a full look.
    dirty_cpu_n: int = i8()
    dirty_cpu: Vec = i16("dirty")
    dirty_objcg_n: int = i8()
    dirty_objcg: Vec = i32("dirty")
    dirty_memcg_n: int = i8()
    dirty_memcg: Vec = i16("dirty")
    dirty_area_n: int = i8()
    dirty_area: Vec = i32("dirty")
    dirty_chunk_n: int = i8()
    dirty_chunk: Vec = i16("dirty")
    # Tasks: program tasks first, then one kworker an acting CPU, balance, cgroup offline, RCU.
    nr_all: int = i8()
    pc: Vec = i16("tasks")
    op_i: Vec = i16("tasks")
    task_cpu: Vec = i8("tasks")
    task_memcg: Vec = i16("tasks")
    task_objcg: Grid = i32("tasks", "nodes", blank=-1)  # task->objcgs, -1 for NULL; each entry holds a reference
    task_update: Vec = i8("tasks")  # bit 0 of task->objcgs; 2: a refresh is under way
    task_rcu: Vec = i32("tasks", blank=-1)  # where the RCU queue ended when this reader began; -1 outside
    task_pinned: Vec = i8("tasks")  # migration disabled
    cpu_online: Vec = i8("act")
    cpu_irq: Vec = i8("act")  # interrupt task running here + 1
    cpu_preempt: Vec = i8("act")  # task that disabled preemption here + 1
    cpu_depth: Vec = i8("act")
    cpu_irqs_off: Vec = i8("act")
    ps_owner: Vec = i8("act")  # page stock's local lock: holder + 1
    ps_flushing: Vec = i8("act")
    ps_queued: Vec = i8("act")  # 0, or the order of the queued work
    ps_next: Vec = i8("act")  # drain_idx
    ps_memcg: Grid = i16("act", "page_slots", blank=-1)
    ps_pages: Grid = i32("act", "page_slots")
    os_owner: Vec = i8("act")
    os_flushing: Vec = i8("act")
    os_queued: Vec = i8("act")
    os_next: Vec = i8("act")
    os_objcg: Grid = i32("act", "obj_slots", blank=-1)
    os_bytes: Grid = i32("act", "obj_slots")
    mutex: int = i8()  # pcpu_alloc_mutex: holder + 1
    pcpu_lock: int = i8()
    objcg_lock: int = i8()
    charge_mutex: int = i8()  # percpu_charge_mutex
    memcg_rows: int = i16()  # 1 + the highest row of a memcg that was made
    memcg_state: Vec = i8("memcgs")
    memcg_parent: Vec = i16("memcgs", blank=-1)
    memcg_usage: Vec = i64("memcgs")
    memcg_max: Vec = i64("memcgs")
    memcg_user: Vec = i64("memcgs")  # pages charged for user memory, all reclaimable
    memcg_percpu: Vec = i64("memcgs")  # MEMCG_PERCPU_B, own level, bytes
    memcg_kmem: Vec = i64("objcgs")  # KMEM pages by (memcg, node)
    memcg_ref: Vec = i32("memcgs")  # css references
    memcg_tasks: Vec = i16("memcgs")
    memcg_over: Vec = i8("memcgs")  # usage may exceed max: forced charge or lowered limit
    memcg_heir: Vec = i8("memcgs")  # has inherited objcgs of a removed child
    # objcgs: row memcg * nr_nodes + node.
    pn_objcg: Vec = i32("objcgs", blank=-1)  # memcg->nodeinfo[nid]->objcg, -1 for NULL
    objcg_memcg: Vec = i16("objcgs", blank=-1)
    objcg_state: Vec = i8("objcgs")
    objcg_ref: Vec = i32("objcgs")
    objcg_ncb: Vec = i64("objcgs")  # nr_charged_bytes
    objcg_pages: Vec = i64("objcgs")  # C(O)
    objcg_live: Vec = i64("objcgs")  # L(O), bytes
    objcg_lost: Vec = i64("objcgs")  # bytes dropped at release
    objcg_moved: Vec = i8("objcgs")  # stock traffic on more than one CPU or a failed trylock: 0 none, cpu + 1, 100 many
    objcg_orig: Vec = i8("objcgs")  # memcg->nodeinfo[nid]->orig_objcg still holds its reference
    # The RCU callback queue: kind * objcgs + row; eligible when no reader began at or before its position.
    rcu_head: int = i32()
    rcu_tail: int = i32()
    rcu_kind: Vec = i8("rcu")
    rcu_row: Vec = i32("rcu")
    off_head: int = i16()
    off_tail: int = i16()
    off_queue: Vec = i16("memcgs")
    off_nid: int = i16()
    off_row: int = i16()
    # Chunks and areas.
    chunk_state: Vec = i8("chunks")  # 0 unused, 1 first, 2 reserved, 3 dynamic
    chunk_slot: Vec = i8("chunks")  # the list it is on
    chunk_class: Vec = i8("chunks")  # the slot computed from its largest hole
    chunk_pos: Vec = i32("chunks")
    chunk_isolated: Vec = i8("chunks")
    chunk_head: Vec = i32("chunks", blank=-1)  # first area by offset, -1
    chunk_free: Vec = i32("chunks")  # free bytes
    chunk_populated: Vec = i16("chunks")  # populated pages
    chunk_empty: Vec = i16("chunks")  # populated pages no area touches
    page_populated: Grid = i8("chunks", "pages")
    page_areas: Grid = i16("chunks", "pages")
    page_node: Cube = i8("chunks", "map_cpus", "pages")
    page_count: Cube = i16("chunks", "pages", "count_nodes")
    ext_node: Grid = i16("chunks", "ext_pages")
    node_free: Vec = i32("nodes")
    node_online: Vec = i8("nodes")
    nr_online_nodes: int = i32()
    nr_empty_pop: int = i32()
    nr_populates: int = i32()
    nr_creates: int = i32()
    nr_trylocks: int = i32()
    nr_charges: int = i32()
    nr_searches: int = i32()
    dry_node: int = i16()  # node + 1 that has no page for the populate of this step, 0 between steps
    place_next: int = i32()
    balance_queued: int = i8()
    atomic_failed: int = i8()
    bal_page: int = i16()
    bal_todo: int = i16()
    nr_areas: int = i32()
    area_used: Vec = i8("areas")  # 0 free row, 1 reserved, 2 live
    area_chunk: Vec = i16("areas")  # -1: a slab object
    area_off: Vec = i32("areas")
    area_bytes: Vec = i32("areas")
    area_next: Vec = i32("areas", blank=-1)
    area_entry: Vec = i32("areas", blank=-1)  # obj_exts[off >> 2].cgroup, -1 for NULL
    area_acct: Vec = i8("areas")  # accounted, seen from outside: 1 between post hook and free hook
    area_stamp: Vec = i64("areas")  # a hash of where the area's pages lay when it became live
    l_objcg: Grid = i32("areas", "nodes", blank=-1)  # through which objcg the area's bytes on a node were charged
    l_bytes: Grid = i32("areas", "nodes")
    stale_n: int = i8()
    stale_chunk: Vec = i16("dirty")
    stale_off: Vec = i32("dirty")
    stale_entry: Vec = i32("dirty")
    slot_area: Vec = i32("slots", blank=-1)
    # Registers of each task's operation.
    r_objcg: Vec = i32("tasks", blank=-1)
    r_slot: Vec = i16("tasks")
    r_scope: Vec = i16("tasks", blank=-1)  # memcg of a set_active_memcg scope, -1
    r_full: Vec = i64("tasks")  # F(size), bytes
    r_precharge: Vec = i32("tasks")
    r_area: Vec = i32("tasks", blank=-1)
    r_used: Vec = i32("tasks")
    r_nid: Vec = i32("tasks")
    r_memcg: Vec = i16("tasks")
    r_nobjcg: Vec = i32("tasks", blank=-1)
    r_page: Vec = i32("tasks")
    r_refunded: Vec = i32("tasks")
    r_from: Vec = i16("tasks")
    r_ops: Vec = i32("tasks")  # memcg operations of this alloc or free
    r_charged: Vec = i8("tasks")
    r_taken: Vec = i8("tasks")  # this operation reserved its slot
    r_held: Vec = i8("tasks")  # the free hook still holds the reference that the cleared entry had
    node_bytes: Grid = i32("tasks", "nodes")
    tc_memcg: Vec = i16("tasks")
    tc_pages: Vec = i32("tasks")
    tc_batch: Vec = i32("tasks")
    tc_level: Vec = i16("tasks")
    tc_over: Vec = i16("tasks")
    tc_retries: Vec = i8("tasks")
    tc_drained: Vec = i8("tasks")
    tc_reclaimed: Vec = i32("tasks")
    tc_ok: Vec = i8("tasks")
    tc_gfp: Vec = i16("tasks")
    tc_ret: Vec = i16("tasks")
    rs_memcg: Vec = i16("tasks")
    rs_pages: Vec = i32("tasks")
    rs_slot: Vec = i8("tasks")
    rs_evict: Vec = i8("tasks")
    rs_ret: Vec = i16("tasks")
    uc_level: Vec = i16("tasks")
    uc_pages: Vec = i64("tasks")
    uc_ret: Vec = i16("tasks")
    ro_objcg: Vec = i32("tasks", blank=-1)
    ro_bytes: Vec = i64("tasks")
    ro_allow: Vec = i8("tasks")
    ro_slot: Vec = i8("tasks")
    ro_ret: Vec = i16("tasks")
    up_objcg: Vec = i32("tasks", blank=-1)
    up_pages: Vec = i64("tasks")
    up_memcg: Vec = i16("tasks")
    up_ret: Vec = i16("tasks")
    do_cpu: Vec = i8("tasks")
    do_slot: Vec = i8("tasks")
    do_ret: Vec = i16("tasks")
    dl_cpu: Vec = i8("tasks")
    dl_slot: Vec = i8("tasks")
    dl_both: Vec = i8("tasks")
    dl_ret: Vec = i16("tasks")
    pt_objcg: Vec = i32("tasks", blank=-1)
    pt_node: Vec = i32("tasks")
    pt_ret: Vec = i16("tasks")
    da_memcg: Vec = i16("tasks")
    da_cpu: Vec = i8("tasks")
    da_ret: Vec = i16("tasks")
    # Seen from outside (engine.checks.charging), 0 between operations: who has to pay, why the charge may fail.
    x_owner: Vec = i16("tasks")  # the memcg that pays, until its objcg has to be found (+ 1)
    x_objcg: Vec = i32("tasks")
    x_cause: Vec = i8("tasks")
    x_memcg: Vec = i16("tasks")  # whose objcgs the entries of task->objcgs are, 0 where it has none
    x_held: Vec = i32("tasks")  # how many entries it has; -1 where they are of more than one memcg
    x_bytes: Vec = i64("nodes")
    x_first: Vec = i64("memcgs")  # by memcg, sums of one check at rest (engine.checks.conservation)
    x_want: Vec = i64("memcgs")
    x_found: Vec = i64("memcgs")
    # Spare words for steps of one's own (engine.own): zero at reset, and no step of the model looks at them.
    own_task: Grid = i32("tasks", "own")
    own_cpu: Grid = i32("act", "own")
    own_memcg: Grid = i32("memcgs", "own")
    own_objcg: Grid = i32("objcgs", "own")
    own_area: Grid = i32("areas", "own")
    own_page: Cube = i8("chunks", "map_cpus", "pages")  # beside page_node
    own_count: Cube = i16("chunks", "pages", "count_nodes")  # beside page_count
    # Measured, outside the model.
    probe_done: int = i8()  # 0 not yet, 1 charged, 2 charge failed; then operations.measure_probe
    probe_precharge: int = i32()  # pages
    probe_used: int = i32()  # pages accounted
    probe_bytes: int = i64()  # bytes that the variant booked
    probe_area_bytes: int = i32()
    probe_misplaced: int = i64()  # bytes booked on another node than the one they lie on
    op_precharge: Grid = i32("tasks", "ops")  # of each allocation that was charged: pages
    op_used: Grid = i32("tasks", "ops", blank=-1)  # pages accounted, -1 for what is no charged allocation
    in_flight: int = i64()  # pages precharged by hooks that have not refunded yet
    in_flight_max: int = i64()
    waste_pages: int = i64()
    nr_charged: int = i32()
    nr_refunded: int = i32()
    nr_charge_fail: int = i32()
    nr_alloc: int = i32()
    nr_free: int = i32()
    nr_illegal: int = i32()
    alloc_ops: int = i64()
    free_ops: int = i64()


@cache
def _dtype(record_class: type, size_class: str) -> np.dtype[np.void]:
    return dtype_of(record_class, SIZE_CLASSES[size_class])


def new_record(record_class: type, size_class: str, count: int = 1) -> Record:
    """A zeroed array of `count` records of one size class."""
    import numpy as np  # with the first record

    return np.zeros(count, dtype=_dtype(record_class, size_class))
