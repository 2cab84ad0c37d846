"""The choices of a Variant in words: which values each may have, what each value means, what it stands for.

The check of a variant that somebody wrote and the file that `variants new` writes both read this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from percpu_fuzz.engine.core.planted import SLIPS
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS, Variant

PRECHARGE_MOST = 4096  # pages, for each term of the precharge formula


@dataclass(frozen=True, slots=True)
class Choice:
    """kernel: the patch and its function or line. values: what each means; empty for a number of pages."""

    kernel: str
    values: dict[int, str]

    def allows(self, value: int) -> bool:
        """Whether the engine has that value."""
        return value in self.values if self.values else abs(value) <= PRECHARGE_MOST

    @property
    def allowed(self) -> str:
        """The allowed values, for a message."""
        if not self.values:
            return f"{-PRECHARGE_MOST} to {PRECHARGE_MOST}"
        numbers = sorted(self.values)
        if numbers == list(range(len(numbers))):
            return f"{numbers[0]} to {numbers[-1]}"
        return " or ".join(map(str, numbers))


def _of(kernel: str, *values: str) -> Choice:
    return Choice(kernel, dict(enumerate(values)))


CHOICES: dict[str, Choice] = {
    "charge": _of(
        "post_alloc_hook: what is accounted", "bytes through the byte stock (base)", "pages of one objcg (4/9)",
        "pages node by node (6/9)", "page by page with a credit (v1)",
    ),
    "precharge_a": Choice("6/9 nr_precharge_pages: ceil(total / P) + a * num_possible_nodes()", {}),
    "precharge_b": Choice("the same: + b * min(num_possible_nodes(), pages touched at most)", {}),
    "precharge_c": Choice("the same: + c pages", {}),
    "precharge_short": _of("v1 nr_precharge_pages", "the formula", "N below one page of payload, else its pages"),
    "precharge_total": _of("nr_precharge_pages: total", "pcpu_obj_full_size", "the payload alone (v1)"),
    "precharge_via": _of(
        "4/9 obj_cgroup_precharge: whose memcg", "of the objcg in hand", "of the sibling that reparents last",
    ),
    "walk": _of(
        "6/9 accumulate_pages", "pages counted from the size alone", "with the offset in the first page",
        "cpu_to_node instead of page_to_nid (mutant)",
    ),
    "ext": _of("7/9 accumulate: the obj_exts slice", "not charged", "charged to its own nodes"),
    "fast": _of("8/9 accumulate: nr_online_nodes == 1", "walked all the same", "no walk"),
    "lookup": _of(
        "5/9 obj_cgroup_nid", "nodeinfo[nid]->objcg of the memcg of this moment", "the stored objcg (4/9)",
        "the sibling of the stored objcg",
    ),
    "refs": _of("struct obj_cgroup: references", "a count for each objcg", "one for all objcgs of a memcg"),
    "post_rcu": _of("6/9 post_alloc_hook: rcu_read_lock", "not around the loop", "around the loop"),
    "obj_slots": Choice("struct obj_stock_pcp: slots", {1: "one (v1's base)", 5: "five (v2's base)"}),
    "stat": _of(
        "mod_memcg_state(MEMCG_PERCPU_B)", "pcpu_obj_full_size", "the payload (v1)", "the free keeps it (mutant)",
    ),
    "free": _of(
        "6/9 free_hook: obj_cgroup_uncharge", "exact bytes by node", "all through the stored objcg",
        "whole pages by node (mutant)", "page by page (v1)",
    ),
    "round": _of("6/9 post_alloc_hook: DIV_ROUND_UP", "up", "down (mutant)"),
    "remainder": _of(
        "6/9 post_alloc_hook: obj_cgroup_uncharge of the rest", "to the node's objcg", "kept (mutant)",
        "to the stored objcg (mutant)",
    ),
    "refund": _of("post_alloc_hook, chunk NULL: obj_cgroup_unprecharge", "all", "ceil(F / P) only (mutant)"),
    "first_refund": _of("post_alloc_hook, obj_exts NULL", "all goes back", "nothing (mutant)"),
    "entry": _of("free_hook: obj_exts[].cgroup", "cleared", "kept (mutant)"),
    "get": _of("post_alloc_hook: obj_cgroup_get", "taken", "left out (mutant)"),
    "nodes": _of("6/9 for_each_online_node", "every node with bytes", "those with CPUs only (mutant)"),
    "xchg": _of(
        "__refill_obj_stock: atomic_xchg(nr_charged_bytes)", "fetched", "left out (mutant)", "dropped (mutant)",
        "cut to 16 bits (mutant)",
    ),
    "drain": _of("drain_obj_stock_slot: the rest of a page", "to nr_charged_bytes", "dropped (mutant)"),
    "evict": _of("drain_obj_stock_slot: obj_cgroup_put", "put", "left out (mutant)"),
    "cap": _of("refill_stock above 64 pages", "the slot is drained", "cut at 64 (mutant)"),
    "trylock": _of("refill_obj_stock, lock not to be had", "the bytes are parked", "lost (mutant)"),
    "release": _of("obj_cgroup_release: nr_charged_bytes", "uncharged", "ignored (mutant)"),
    "undo": _of("page_counter_try_charge, error path", "every level", "the failing one only (mutant)"),
    "reparent": _of("memcg_reparent_objcgs", "own and inherited objcgs", "own ones only (mutant)"),
    "store": _of("6/9 post_alloc_hook: obj_cgroup_unprecharge", "the unused precharge", "nothing (mutant)"),
    "task_objcg": _of("1/9 task->objcgs", "an entry a node", "one pointer (before the series)"),
    "metadata": _of("3/9 pcpu_obj_full_size: a granule", "sizeof(struct pcpuobj_ext)", "8 bytes (before 3/9)"),
    "slip": _of(
        "engine/core/planted.py: a planted mistake", "none", *(f"{where}: {what}" for _, where, what in SLIPS.values())
    ),
}  # fmt: skip


NAME_MOST = 120  # it is in names of folders and files
NAME = rf"[\w.:/+-]{{1,{NAME_MOST}}}"


def check_variant(variant: Variant, where: str) -> None:
    """InputError for a name or a choice that cannot be, naming it and what is allowed."""
    if not isinstance(variant.name, str) or not re.fullmatch(NAME, variant.name, re.ASCII):
        raise InputError(where, f"a variant named {variant.name!r}", f"at most {NAME_MOST} letters, digits and _.:/+-")
    if not isinstance(variant.summary, str) or variant.based_on not in VARIANTS:
        given = f"variant {variant.name!r} has summary {variant.summary!r} and based_on {variant.based_on!r}"
        raise InputError(where, given, "a text, and one of " + ", ".join(VARIANTS))
    for name, value in variant.choices().items():
        if type(value) is not int or not CHOICES[name].allows(value):
            raise InputError(where, f"variant {variant.name!r} has {name} = {value!r}", CHOICES[name].allowed)
