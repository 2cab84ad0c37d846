"""The catalogue of mutants: `fixed` with one choice changed, each with the kernel function or patch line it alters.

A mutant is killed when an invariant that `fixed` upholds on the same cases is violated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from percpu_fuzz.engine.core.planted import SLIPS
from percpu_fuzz.engine.variant import (
    FREE_PAGES_UP,
    FREE_STORED,
    LOOKUP_NODEINFO,
    LOOKUP_STORED,
    TOTAL_PAYLOAD,
    VARIANTS,
    WALK_NOMINAL,
    WALK_SIZE,
    Variant,
)

FIXED = VARIANTS["fixed"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong choice. alters: the patch line or kernel function; what: the mistake in words.

    proof: for a mutant that no run can tell from `fixed`, why; else empty.
    """

    name: str
    alters: str
    what: str
    variant: Variant
    proof: str = ""


def against(reference: Variant, mutant: Mutant) -> Mutant | None:
    """The same mistake in another variant; None where the reference makes that choice itself.

    It is held to what the reference claims. A proof is one for `fixed` and does not carry over.
    """
    choices = mutant.variant.differs(FIXED)
    if all(getattr(reference, name) == value for name, value in choices.items()):
        return None
    changed = replace(reference, name=mutant.name, summary=mutant.what, **choices)  # type: ignore[arg-type]
    return Mutant(mutant.name, mutant.alters, mutant.what, changed.claiming(reference.judge))


def _mutant(name: str, alters: str, what: str, proof: str = "", **choice: int) -> Mutant:
    variant = replace(FIXED, name=name, summary=what, based_on="fixed", **choice)  # type: ignore[arg-type]
    return Mutant(name, alters, what, variant.claiming(FIXED.judge), proof)


CHOICES = (
    _mutant("no-nodes", "6/9 nr_precharge_pages", "precharge ceil(F) only", precharge_a=0, precharge_c=0),
    _mutant("one-short", "6/9 nr_precharge_pages", "precharge ceil(F) + N - 2", precharge_c=-2),
    _mutant("payload", "6/9 nr_precharge_pages", "precharge from s*C instead of F", precharge_total=TOTAL_PAYLOAD),
    _mutant(
        "v1-formula", "v1 nr_precharge_pages", "N below a page of payload, else its pages", precharge_short=1,
        precharge_a=0, precharge_c=0, precharge_total=TOTAL_PAYLOAD,
    ),
    _mutant("via-stored", "4/9 obj_cgroup_precharge", "charged via the stored objcg's memcg", precharge_via=0),
    _mutant("floor", "6/9 post_alloc_hook", "floor instead of ceil of a node's bytes", round=1),
    _mutant("no-remainder", "6/9 post_alloc_hook", "the rest of a page is not handed back", remainder=1),
    _mutant("remainder-stored", "6/9 post_alloc_hook", "the rest goes to the stored objcg", remainder=2),
    _mutant("cpu-nodes", "6/9 post_alloc_hook", "the loop leaves memory-only nodes out", nodes=1),
    _mutant("nominal-node", "6/9 accumulate_pages", "cpu_to_node instead of page_to_nid", walk=WALK_NOMINAL),
    _mutant("size-walk", "6/9 accumulate_pages", "pages counted from the size alone", walk=WALK_SIZE),
    _mutant("no-exts", "7/9 accumulate", "the obj_exts slice is not booked", ext=0),
    _mutant("pointer-metadata", "3/9 pcpu_obj_full_size", "8 bytes a granule where there are 16", metadata=1),
    _mutant("free-stored", "6/9 free_hook", "all of F uncharged through the stored objcg", free=FREE_STORED),
    _mutant("free-pages", "6/9 free_hook", "freed bytes rounded up to pages", free=FREE_PAGES_UP),
    _mutant("entry-kept", "free_hook", "the obj_exts entry is not cleared", entry=1),
    _mutant("no-get", "post_alloc_hook", "no reference for the area", get=1),
    _mutant("refund-short", "6/9 post_alloc_hook", "a failure gives ceil(F) back", refund=1),
    _mutant("first-chunk", "6/9 post_alloc_hook", "no refund where obj_exts is NULL", first_refund=1),
    _mutant("no-refund", "6/9 post_alloc_hook", "the unused precharge is kept", store=1),
    _mutant("stat-kept", "free_hook", "MEMCG_PERCPU_B does not fall", stat=2),
    _mutant("nodeinfo", "5/9 obj_cgroup_nid", "the sibling by the memcg of the moment", lookup=LOOKUP_NODEINFO),
    _mutant("stored-only", "5/9 obj_cgroup_nid", "the stored objcg for every node", lookup=LOOKUP_STORED),
    _mutant("own-counts", "docs/adr/0003", "a reference count for each objcg of a group", refs=0),
    _mutant("no-xchg", "__refill_obj_stock", "nr_charged_bytes is not fetched", xchg=1),
    _mutant("xchg-dropped", "__refill_obj_stock", "what was fetched is dropped", xchg=2),
    _mutant("xchg-16-bits", "__refill_obj_stock", "what was fetched is cut to 16 bits", xchg=3),
    _mutant("drain-rest", "drain_obj_stock_slot", "the sub-page rest is dropped", drain=1),
    _mutant("no-put", "drain_obj_stock_slot", "the slot's reference is not put", evict=1),
    _mutant("cap-64", "refill_stock", "a full slot is cut at 64 pages", cap=1),
    _mutant("trylock-bytes", "refill_obj_stock", "a failed trylock loses the bytes", trylock=1),
    _mutant("release-pages", "obj_cgroup_release", "whole pages of nr_charged_bytes stay charged", release=1),
    _mutant("undo-one", "page_counter_try_charge", "a failed charge keeps the levels below", undo=1),
    _mutant("inherited", "memcg_reparent_objcgs", "inherited objcgs are not moved on", reparent=1),
    _mutant(
        "one-node-walk", "8/9 pcpu_memcg_accumulate", "one online node is walked like several", fast=0,
        proof="with one online node every page, payload and obj_exts, lies there: the walk gives the same vector "
        "(enumerated in tests/strategies/plan/test_mutants.py)",
    ),
)  # fmt: skip


def slips() -> Iterator[Mutant]:
    """The planted slips as mutants."""
    for name, (number, alters, what) in SLIPS.items():
        yield _mutant(f"slip-{name}", alters, what, slip=number)


def catalogue() -> tuple[Mutant, ...]:
    """Every mutant."""
    return (*CHOICES, *slips())


def mutants_of(reference: Variant) -> tuple[Mutant, ...]:
    """The catalogue's mistakes planted in a variant, those left out that it makes itself."""
    if reference == FIXED:
        return catalogue()
    return tuple(mutant for mutant in (against(reference, mutant) for mutant in catalogue()) if mutant is not None)
