"""Mutants of the engine's source that no run can tell from the engine as it is, and why.

A row is a pattern of SourceMutant.name and its reason. A row that fits no mutant of the source as it is now is stale
(tests/quality/test_mutation.py), one that fits a mutant that was killed is wrong (the tool says so).
"""

from __future__ import annotations

import re

LEFT = (
    "what a register holds after its operation: written before it is read again; cleared so that equal states are one"
)
NULL = "NULL is any number below 0: only its sign is asked"
NOTHING = "a number below 0 says that there is none: only its sign is asked"
OWNER = "of a lock's owner only whether it is 0 is asked"
NONZERO = "a mark of which only whether it is 0 is asked"
ROOT = "root is charged nothing, so that no page stock is root's"
EDGE = "below or above every place on a list either way"
FEWER = "a slot below or above those that hold a chunk is looked at too, or is not: none is there"
EQUAL = "takes the other way where both come to the same"
HASHED = "a stamp is compared with a stamp of the same place alone: any function of where the pages lie will do"
OF_CGROUPS = "objcgs of root's are never what a task, a register or an entry holds: their numbers are above 0"
FOURS = "bytes are multiples of 4"
GRANULE = "bytes and offsets are multiples of 4, so that the last but one byte is on the last one's page"
NO_FIRST = "only chunks with obj_exts come here: the first chunk, number 0, is none of them"
ORDER = "positions are only compared: any that is beyond all others will do"
NOT_THERE = "where a page lies that is not there is not read: it is written when it is populated"
LOOKED = "it only says how soon a loop over all rows may end: more of it makes the loop longer"
BOOT = "what lies in a boot chunk is never charged, so that where its pages lie is read by variants of one's own alone"
WORKER = "a worker takes no slot and charges nothing: it owes nothing"
ABOVE_ROOT = "root is never chosen: a number of a cgroup that is, is above 0"
OWN = "does something for variants of one's own only, which are no cases here (tests/engine/own)"
REACHES = "what an area can touch at most enters as min(nodes, it) with a factor of 0 in every variant"

EQUIVALENT: tuple[tuple[str, str], ...] = (
    (r"drain\.d[al]_end: st\.d[al]_\w+\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"drain\.da_begin: st\.da_(ret|memcg)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"obj_stock\.finish_obj_refill: st\.ro_(bytes|allow|slot|ret)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"obj_stock\.up_done: st\.up_(pages|memcg|ret)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"obj_stock\.do_put: st\.do_(cpu|ret)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"page_stock\.finish_refill: st\.rs_(memcg|pages|slot|ret)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"page_counter\.uc_level: st\.uc_(level|pages|ret)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"try_charge\.tc_done: st\.tc_(batch|level|retries|drained|reclaimed|gfp)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"(charge_hook\.al_charged_pages|operations\.op_user_end): st\.tc_ok\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"(free_hook\.fr_nid|post_hook\.po_nid|free_hook\.fr_page|post_each_page\.po_credit)_objcg: "
     r"st\.r_memcg\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"memcg\.cf_done: st\.r_(memcg|nid)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"percpu_alloc\.(al_pop_fail|al_unlock): st\.r_nid\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"post_each_page\.po_page: st\.r_page\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"chunks\.release_row: st\.area_(chunk|bytes|stamp)\[r\] = 0 -- 0 becomes 1", LEFT),
    (r"(?!chunks\.release_row|reset\.reset_areas)\w+\.\w+: "
     r"st\.(task_objcg|area_entry|os_objcg|ps_memcg|r_nobjcg|ro_objcg|up_objcg|pt_objcg)"
     r"\[[^]]+\] = -1 -- 1 becomes 2", NULL),
    (r"memcg\.of_null: st\.pn_objcg\[.*\] = -1 -- 1 becomes 2", NULL),
    (r"(charge_hook\.own_objcg|objcg\.current_objcg|charging\.objcg_to_find): "
     r"return .*-1 -- 1 becomes 2", NULL),
    (r"(balance\.chunk_to_populate|chunks\.fit_in_hole|chunks\.free_area_row|try_charge\.reclaim_from|"
     r"placement\.alloc_page): return -1 -- 1 becomes 2", NOTHING),
    (r"(chunks\.(unlink_area|release_row)|reset\.reset_areas): st\.area_next\[r\] = -1 -- 1 becomes 2", NOTHING),
    (r"chunks\.link_area: previous, here = \(-1, .*-- 1 becomes 2", NOTHING),
    (r"(percpu_alloc\.al_mutex|step\.idle): st\.mutex = t \+ 1 -- 1 becomes 2", OWNER),
    (r"memcg\.of_null: st\.objcg_lock = t \+ 1 -- .*", OWNER),
    (r"drain\.dl_(obj_)?lock: st\.[po]s_owner\[.*\] = t \+ 1 -- 1 becomes 2", OWNER),
    (r"(obj_stock\.obj|page_stock\.page)_stock_trylock: st\.[po]s_owner\[a\] = t \+ 1 -- 1 becomes 2", OWNER),
    (r"free_hook\.fr_begin: st\.cpu_irqs_off\[a\] = 1 -- 1 becomes 2", NONZERO),
    (r"try_charge\.tc_margin: st\.tc_drained\[t\] = 1 -- 1 becomes 2", NONZERO),
    (r"drain\.page_drain_needed: if m >= 0 and .* -- (GtE becomes Gt|0 becomes 1)", ROOT),
    (r"drain\.dl_page_slot: if st\.ps_memcg\[a, i\] >= 0: -- GtE becomes Gt", ROOT),
    (r"teardown\.drain_next: occupied = occupied or st\.ps_memcg\[a, i\] >= 0 -- GtE becomes Gt", ROOT),
    (r"balance\.chunk_to_populate: position = -\(1 << 30\) -- (1 becomes 2|30 becomes 31)", EDGE),
    (r"chunks\.next_in_slot: if best < 0 or st\.chunk_pos\[c\] < st\.chunk_pos\[best\]: -- Lt becomes LtE #2", EQUAL),
    (r"placement\.stamp_page: total = .* -- (Mod becomes Mult|Add becomes Sub( #2)?|7 becomes 8|"
     r"1000003 becomes 1000004|31 becomes 32)", HASHED),
    (r"placement\.stamp_area: total = .* -- (Add becomes Sub|1000000007 becomes 1000000008|131 becomes 132)", HASHED),
    (r"charge_hook\.(al_current: if o < 0|own_objcg: if st\.task_objcg\[t, n\] >= 0|rf_(get|put): if o >= 0|"
     r"rf_get: goto\(st, t, labels\.AL_MUTEX if st\.r_objcg\[t\] >= 0 else labels\.AL_CURRENT\)):? "
     r"-- (GtE becomes Gt|Lt becomes LtE|0 becomes 1)( #2)?", OF_CGROUPS),
    (r"objcg\.current_objcg: if o >= 0: -- (GtE becomes Gt|0 becomes 1)", OF_CGROUPS),
    (r"free_hook\.fr_begin: if o < 0 or .* -- (Lt becomes LtE|0 becomes 1)", OF_CGROUPS),
    (r"teardown\.drop_next: if o >= 0: -- (GtE becomes Gt|0 becomes 1)", OF_CGROUPS),
    (r"operations\.borrows: if st\.r_objcg\[who\] < 0 or .* -- (Lt becomes LtE|0 becomes 1)", OF_CGROUPS),
    (r"invariants\.in_free_hook: if o >= 0 and .* -- (GtE becomes Gt|0 becomes 1)", OF_CGROUPS),
    (r"invariants\.check_entry: .*st\.area_entry\[r\] >= 0.* -- GtE becomes Gt", OF_CGROUPS),
    (r"invariants\.check_entry: if \(st\.area_entry\[r\] >= 0\) != .* -- 0 becomes 1", OF_CGROUPS),
    (r"objcg\.objcg_get: touch_objcg\(st, max\(o, 0\)\) -- 0 becomes 1",
     "NULL ends the case, and root's counts are right"),
    (r"obj_stock\.note_late_bytes: if o < 0: -- (Lt becomes LtE|0 becomes 1)", "root's objcgs are never released"),
    (r"(accumulate\.next_node: if out\[row, nid\] > 0 and|percpu_alloc\.illegal_request: return size_bytes <= 0 or) .*"
     r" -- 0 becomes 1", FOURS),
    (r"conservation\.percpu_stat: if st\.memcg_percpu\[m\] != 0 and .* -- 0 becomes 1", FOURS),
    (r"placement\.stamp_area: last = .* -- 1 becomes 2", GRANULE),
    (r"conservation\.misbooked: c, p, last = .* -- 1 becomes 2", GRANULE),
    (r"(charging\.judge_amount: total, slab = .*|post_hook\.po_entry: if prog\.v_get == 0 or .*|"
     r"post_hook\.stale_entry: if prog\.v_entry == 0 or .*) -- Lt becomes LtE", NO_FIRST),
    (r"post_hook\.stale_entry: if prog\.v_entry == 0 or .* -- 0 becomes 1 #2", NO_FIRST),
    (r"balance\.(ba_reclaim|ba_populate): if c < 0: -- (Lt becomes LtE|0 becomes 1)", NO_FIRST),
    (r"operations\.accounted_areas: if .*st\.area_chunk\[r\] >= 0 .* -- (GtE becomes Gt|0 becomes 1)", NO_FIRST),
    (r"chunks\.move_chunk: edge = (0 -- 0 becomes 1|(max|min)\(.*\) -- 1 becomes 2)", ORDER),
    (r"chunks\.depopulate_slot: return .* -- 3 becomes 4", "a list of its own behind all that are searched, wherever"),
    (r"chunks\.relocate: move_chunk\(st, c, new, new > old\) -- Gt becomes GtE", "the two differ"),
    (r"chunks\.link_area: while here >= 0 and .* -- Lt becomes LtE", "no two areas of a chunk begin at one place"),
    (r"chunks\.unpopulated_at: last = -1 -- 1 becomes 2", NOTHING),
    (r"balance\.destroy_chunk: st\.chunk_(slot|class|free|pos)\[c\] = 0 -- 0 becomes 1",
     "of a chunk that is not there it is not read: it is written when one is made"),
    (r"placement\.(undo_by_map: st\.page_node|place_exts: st\.ext_node|free_exts: st\.ext_node)\[.* -- 0 becomes 1",
     NOT_THERE),
    (r"(chunks\.take_area|operations\.begin_alloc): st\.nr_areas \+= 1 -- 1 becomes 2", LOOKED),
    (r"chunks\.release_row: st\.nr_areas -= 1 -- the update is left out", LOOKED),
    (r"reset\.make_boot_chunk: place_boot_page\(.* -- the call of place_boot_page is left out", BOOT),
    (r"reset\.place_boot_page: (?!if ).* -- .*", BOOT),
    (r"charge_hook\.(al_precharged: st\.tc_ok|al_charged_pages: st\.r_memcg|un_refill: st\.r_(page|nid))\[t\] = 0 "
     r"-- 0 becomes 1", LEFT),
    (r"post_hook\.(po_nid2_objcg: st\.r_memcg|po_refund: st\.r_nid)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"objcg\.rl_done: st\.pt_(node|ret)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"try_charge\.tc_done: st\.tc_(memcg|pages|over|ret)\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"balance\.ba_reclaim: st\.bal_page = 0 -- 0 becomes 1", LEFT),
    (r"charging\.judge_operation: st\.x_owner\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"memcg\.of_null: st\.off_row = 0 -- 0 becomes 1", "root's objcgs point at root, which is never removed"),
    (r"balance\.(free_chunks: position = |ba_reclaim: c = next_in_slot\().* -- (1 becomes 2|30 becomes 31)", EDGE),
    (r"chunks\.alloc_area: position = .* -- (1 becomes 2|30 becomes 31)", EDGE),
    (r"balance\.free_chunks: while c >= 0: -- (GtE becomes Gt|0 becomes 1)", NO_FIRST),
    (r"(chunks\.next_in_slot: best|(obj|page)_stock\.r[os]_body: empty|percpu_alloc\.create_chunk: st\.chunk_head\[c\])"
     r" = -1 -- 1 becomes 2", NOTHING),
    (r"(percpu_alloc\.next_clear_range|placement\.node_from_zonelist): return -1 -- 1 becomes 2", NOTHING),
    (r"operations\.begin_alloc: st\.area_chunk\[r\] = -1 -- 1 becomes 2", NOTHING),
    (r"percpu_alloc\.al_area: r = -1 -- 1 becomes 2", "what must not block fails here either way"),
    (r"charge_hook\.(pre_alloc_hook|rf_get|al_precharged): st\.task_update\[t\] = 2 -- 2 becomes 3",
     "only whether it is 1 is asked"),
    (r"(charge_hook\.al_charged_pages: if rest > 0|post_hook\.po_account: if rest <= 0 or .*): -- 0 becomes 1", FOURS),
    (r"drain\.da_begin: st\.charge_mutex = t \+ 1 -- 1 becomes 2", OWNER),
    (r"memcg\.of_null: st\.cpu_irqs_off\[.*\] = 1 -- 1 becomes 2", NONZERO),
    (r"operations\.begin_set_max: st\.memcg_over\[m\] = 1 -- 1 becomes 2", NONZERO),
    (r"objcg\.rl_node: if pages > 0: -- Gt becomes GtE", EQUAL),
    (r"drain\.dl_page_slot: if st\.ps_memcg\[a, i\] >= 0: -- 0 becomes 1", ROOT),
    (r"teardown\.drain_next: occupied = occupied or st\.ps_memcg\[a, i\] >= 0 -- 0 becomes 1", ROOT),
    (r"invariants\.check_stock: if m < 0: -- (Lt becomes LtE|0 becomes 1)", ROOT),
    (r"conservation\.sum_pages: if st\.ps_memcg\[a, i\] > 0: -- Gt becomes GtE", ROOT),
    (r"conservation\.check_dead_cpu: if st\.ps_memcg\[a, i\] >= 0: -- (GtE becomes Gt|0 becomes 1)", ROOT),
    (r"chunks\.release_row: st\.nr_areas -= 1 -- Sub becomes Add", LOOKED),
    (r"conservation\.sum_bytes: left -= .* -- (Sub becomes Add|the update is left out)", LOOKED),
    (r"invariants\.count_entries: (left -= .* -- Sub becomes Add|if left <= 0: -- LtE becomes Lt)", LOOKED),
    (r"post_hook\.po_entry: if prog\.v_get == 0 or .* -- 0 becomes 1 #2", NO_FIRST),
    (r"charging\.judge_amount: total, slab = .* -- 0 becomes 1 #2", NO_FIRST),
    (r"conservation\.lay_areas: if st\.area_chunk\[r\] >= 0: -- (GtE becomes Gt|0 becomes 1)", NO_FIRST),
    (r"conservation\.sum_bytes: if st\.area_used.* -- (GtE becomes Gt|0 becomes 1)( #2)?",
     "of what is accounted neither is 0"),
    (r"charging\.judge_payer: if \(want < 0\) != .* -- (Lt becomes LtE|GtE becomes Gt|0 becomes 1)( #[23])?",
     OF_CGROUPS),
    (r"placement\.stamp_area: total = 0 -- 0 becomes 1", HASHED),
    (r"precharge\.nr_precharge_pages: return max\(.* -- (Add becomes Sub|Mult becomes FloorDiv)", REACHES),
    (r"invariants\.check_touched: if max\(.* -- Gt becomes GtE", EQUAL),
    (r"reset\.reset_case: blank_(callback|log)\(.* is left out", LEFT),
    (r"memcg\.(of_move: st\.off_row|of_kill: st\.off_nid) = 0 -- 0 becomes 1", LEFT),
    (r"obj_stock\.do_put: st\.do_slot\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"operations\.clear_registers: st\.tc_ok\[t\] = 0 -- 0 becomes 1", LEFT),
    (r"reset\.reset_tasks: st\.task_cpu\[t\] = .* -- (LtE becomes Lt|0 becomes 1 #2)", EQUAL),
    (r"runnable\.has_something: if t < prog\.nr_tasks: -- Lt becomes LtE",
     "whom it lists is asked whether it may step"),
    (r"conservation\.add_up: while m > 0: -- Gt becomes GtE", "root's sums are judged by nobody"),
    (r"invariants\.count_entries: left -= .* -- the update is left out", LOOKED),
    (r"operations\.clear_registers: st\.node_bytes\[t, n\] = 0 -- 0 becomes 1", LEFT),
    (r"reset\.reset_chunks: (blank_ext_page\(.* is left out|for i in range\(st\.was_pages \* 4\): -- Mult .*)",
     NOT_THERE),
    (r"(reset\.reset: own_reset\(.*|step\.step: own_step\(.*) is left out", OWN),
    (r"invariants\.check_refs: holders \+= own_holders\(.* -- .*", OWN),
    (r"charging\.watch_charge: if t >= prog\.nr_tasks or .* -- GtE becomes Gt", WORKER),
    (r"charging\.owner_of: return 0 if prog\.task_irq\[t\] == 1 else st\.task_memcg\[t\] -- 1 becomes 2",
     "an interrupt source is in root: number 0"),
    (r"operations\.cpu_quiet: if .*t < prog\.nr_tasks and .* -- Lt becomes LtE",
     "what is no task of the program is no interrupt source"),
    (r"charging\.objcg_to_find: while m > 0 and .* -- Gt becomes GtE", "root is never removed"),
    (r"charging\.reparented: return st\.memcg_state\[m\] > MEMCG_OFFLINING -- Gt becomes GtE",
     "asked where the two differ"),
    (r"drain\.dl_page_clear: st\.dl_slot\[t\] \+= 1 -- the update is left out",
     "the slot is empty by then, and passed over in the step that follows"),
    (r"drain\.kworker_begin: first_page = .* -- Lt becomes LtE", "two queued works of a CPU have different places"),
    (r"drain\.queue_order: return 2 -- 2 becomes 3", "only which came first is asked"),
    (r"obj_stock\.do_rest: st\.os_bytes\[a, i\] = 0 -- 0 becomes 1", "of an emptied slot: written before it is read"),
    (r"percpu_alloc\.al_area: if .* -- 0 becomes 1 #2", "a room that there is, is a page at least"),
    (r"percpu_alloc\.al_pop_mark: st\.r_nid\[t\] = .* -- 65535 becomes 65536",
     "the search for the next range passes over pages that are populated by then"),
    (r"percpu_alloc\.al_populate: if span < 0: -- (Lt becomes LtE|0 becomes 1)", "a range ends at 1 at least"),
    (r"placement\.stamp_area: if stamp < 0: -- Lt becomes LtE", HASHED),
    (r"reset\.reset_cpus: st\.cpu_online\[a\] = .* -- (Lt becomes LtE|0 becomes 1)",
     "nobody acts on CPUs behind the last"),
    (r"step\.idle: st\.mutex = t \+ 1 -- Add becomes Sub", OWNER),
    (r"try_charge\.tc_force: st\.memcg_over\[m\] = 1 -- 1 becomes 2", NONZERO),
    (r"try_charge\.(tc_reclaim: if victim < 0|tc_oom: if .* or victim < 0): -- (Lt becomes LtE|0 becomes 1)",
     ABOVE_ROOT),
    (r"precharge\.(touched_ext_pages: return .*|nr_precharge_pages: touched = .*) -- .*", REACHES),
)  # fmt: skip


def reason_of(name: str) -> str | None:
    """Why a mutant of this name is equivalent; None if no row says so."""
    return next((reason for pattern, reason in EQUIVALENT if re.fullmatch(pattern, name)), None)
