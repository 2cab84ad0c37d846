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
    (r"chunks\.release_row: st\.area_(chunk|off|bytes)\[r\] = 0 -- 0 becomes 1", LEFT),
    (r"(?!chunks\.release_row|reset\.reset_areas)\w+\.\w+: "
     r"st\.(task_objcg|slot_area|area_entry|os_objcg|ps_memcg|r_nobjcg|ro_objcg|up_objcg|pt_objcg)"
     r"\[[^]]+\] = -1 -- 1 becomes 2", NULL),
    (r"memcg\.of_null: st\.pn_objcg\[.*\] = -1 -- 1 becomes 2", NULL),
    (r"(charge_hook\.own_objcg|objcg\.current_objcg|post_hook\.stale_entry|charging\.objcg_to_find): "
     r"return .*-1 -- 1 becomes 2", NULL),
    (r"(balance\.chunk_to_populate|chunks\.fit_in_hole|chunks\.free_area_row|try_charge\.reclaim_from|"
     r"placement\.alloc_page): return -1 -- 1 becomes 2", NOTHING),
    (r"(chunks\.unlink_area|reset\.reset_areas): st\.area_next\[r\] = -1 -- 1 becomes 2", NOTHING),
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
    (r"try_charge\.(try_charge: goto\(st, t, labels\.TC_DONE\) -- the call of goto is left out|"
     r"try_charge: st\.tc_ok\[t\] = 1 -- 1 becomes 2)", "charges of no page are not asked for"),
    (r"placement\.stamp_page: total = .* -- (Mod becomes Mult|Add becomes Sub( #2)?|7 becomes 8|"
     r"1000003 becomes 1000004|31 becomes 32)", HASHED),
    (r"placement\.stamp_area: total = .* -- (Add becomes Sub|1000000007 becomes 1000000008|131 becomes 132)", HASHED),
    (r"precharge\.(touched_ext_pages: return .*|nr_precharge_pages: touched = .*) -- .*", REACHES),
)  # fmt: skip


def reason_of(name: str) -> str | None:
    """Why a mutant of this name is equivalent; None if no row says so."""
    return next((reason for pattern, reason in EQUIVALENT if re.fullmatch(pattern, name)), None)
