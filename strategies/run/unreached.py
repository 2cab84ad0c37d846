"""What a campaign by default does not reach, and why: the pinned exceptions.

A row is a pattern of a line of Reached.never() and its reason. tests/strategies/plan/test_sampled.py holds the list of
the variant `v2`: what a sample leaves and no row excuses fails, and so does a row that excuses nothing.
"""

from __future__ import annotations

import re

CHOICE = "decided by the variant: another one, or a mutant of the catalogue, goes the other way"
INSIDE = "a loop that is left from within"
BROKEN = "goes the other way only where an invariant breaks, which it says"
OFF = "a failure that is injected when asked for (--faults)"
RECORDED = "of recorded workloads alone"
RARE = "a race that a sample seldom meets; hunting passes it, and counts it as a hazard (H1, H2, H3)"
ROOM = "a size class has a row for each area that a program can make"
NO_VICTIM = "reclaim takes the same victim's pages before; one is left only if others take all that it gave, each time"
SEARCHED = "what is asked is settled by the search before: only pages without areas are given up"
ISOLATED = "an isolated chunk is put back before it is populated; the reserved one is populated from the start"
IRQ_SCOPE = "an interrupt has no memcg of its own to charge: its accounted allocations name one"
NO_BYTES = "charges of no page are not asked for: F is at least a granule's bytes"
WIDE = "the sample has few cases of class wide, and their nodes have pages to spare"

EXCEPTIONS: tuple[tuple[str, str], ...] = (
    (r"step (PO_PAGE|PO_CREDIT\w*|FR_PAGE\w*)", CHOICE),
    (r".*prog\.v_.*", CHOICE),
    (r"post_each_page\..*", CHOICE),
    (r"free_hook\.fr_page(_objcg)?, .*", CHOICE),
    (r"accumulate\..* (walk == WALK_\w+ is never true|is never asked)", CHOICE),
    (r"charge_hook\.(own_objcg|unpark|un_refill), .* is never asked", CHOICE),
    (r"charge_hook\.al_current, condition 2: up is never true", CHOICE),
    (r"drain\.dl_obj_slot, .* kept is never true", CHOICE),
    (r"page_stock\.rs_body, .* lost is never true", CHOICE),
    (r"memcg\.of_kill, .* last is never asked", CHOICE),
    (r"(objcg\.sibling|post_hook\.stale_entry), .* is never asked", CHOICE),
    (r".*: True is never false", INSIDE),
    (r".*usable\(.*", BROKEN),
    (r"objcg\.usable, .* is never true", BROKEN),
    (r"page_counter\.counter_sub, .* < 0 and m != 0 is never true", BROKEN),
    (r"free_hook\.fr_accumulate, .*!=.* is never true", BROKEN),
    (r"post_hook\.judge_tight, .* is never true", BROKEN),
    (r"post_hook\.po_done, .*!= st\.r_precharge\[t\] is never true", BROKEN),
    (r"post_hook\.po_refund, .* used > precharge is never true", BROKEN),
    (r"obj_stock\.ro_unlock, .* held > most is never true", BROKEN),
    (r"\w+\.\w+, .* st\.fatal == 1 is never true", BROKEN),
    (r"obj_stock\.note_late_bytes, .* is never true", BROKEN),
    (r"post_hook\.po_done, .* st\.r_refunded\[t\] == 0 is never true", CHOICE),
    (r"charge_hook\.al_precharged, .* prog\.nested_refresh .* is never true", OFF),
    (r"charge_hook\.rf_get, condition 6: .* is never true", OFF),
    (r"percpu_alloc\.al_area, .* search_fails\(prog, st\) is never true", OFF),
    (r"placement\.(alloc_page|populate_pages), .*dry.* is never true", OFF),
    (r"try_charge\.start_levels, .* prog\.fail_charge.* is never true", OFF),
    (r"percpu_alloc\.al_area, .* labels\.OP_PLACE is never (true|false)", RECORDED),
    (r"percpu_alloc\.place_area, .*", RECORDED),
    (r"placement\.(stamp_area|stamp_page), .*", RECORDED),
    (r"chunks\.alloc_area, condition 1: r < 0 is never true", ROOM),
    (r"\w+\.(po_nid2?|fr_nid)_objcg, .*!= st\.r_n?(memcg|objcg)\S* is never true", RARE),
    (r"charge_hook\.charged_bytes, .* labels\.OP_KMEM is never false", CHOICE),
    (r"charge_hook\.pre_alloc_hook, .* prog\.task_irq\[t\] == 1 is never true", IRQ_SCOPE),
    (r"placement\.depopulate_pages, .* st\.page_areas\[c, p\] == 0 is never false", SEARCHED),
    (r"placement\.mark_populated, condition 2: .* is never false", ISOLATED),
    (r"placement\.(alloc_by_count|clear_counts), .*", WIDE),
    (r"try_charge\.tc_oom, .* victim < 0 is never false", NO_VICTIM),
    (r"try_charge\.try_charge, condition 1: nr_pages == 0 is never true", NO_BYTES),
)  # fmt: skip


def reason_of(line: str) -> str | None:
    """Why what the line says is never reached; None if nothing excuses it."""
    return next((reason for pattern, reason in EXCEPTIONS if re.fullmatch(pattern, line)), None)
