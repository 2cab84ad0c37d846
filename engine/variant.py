"""Variant: which accounting is modelled, as data: one value for each decision point of the patch series.

A variant is `fixed` or one of the series' states; a mutant is `fixed` with one choice changed. Each choice is a field
`v_<choice>` of the Prog record, so one compiled engine runs them all.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

CHARGE_BYTES, CHARGE_SINGLE, CHARGE_NODES, CHARGE_PAGES = range(4)
WALK_SIZE, WALK_EXACT, WALK_NOMINAL = range(3)
LOOKUP_NODEINFO, LOOKUP_STORED, LOOKUP_SIBLING = range(3)
TOTAL_FULL, TOTAL_PAYLOAD = range(2)
# I1b: bounds on what is used; I3, I11, I14: F by the nodes where it lies, straddling or not; I1b: v2's spare page.
JUDGE_TIGHT, JUDGE_EXACT, JUDGE_SPARE = 1, 2, 4
# What a variant claims beyond the common invariants: by its name, so that no copy is held to it.
CLAIMED = {
    "v2": JUDGE_TIGHT | JUDGE_SPARE,
    "v2-exts": JUDGE_TIGHT | JUDGE_SPARE,
    "v2-fast": JUDGE_TIGHT | JUDGE_SPARE,
    "fixed": JUDGE_TIGHT | JUDGE_EXACT,
}
FREE_NODES, FREE_STORED, FREE_PAGES_UP, FREE_EACH_PAGE = range(4)


@dataclass(frozen=True, slots=True)
class OwnFile:
    """The file that a user's variant was read from: its text, from which engine.own makes what is of its own.

    path: as it was typed. title: what the variant is called in the file; the variant itself is named as it was typed.
    checker: the one of its checkers that is wanted; all if it is empty.
    has_code: whether there are steps, claims or checkers of its own, so that it needs an engine of its own; compiled:
    whether that one is compiled or run as plain Python, which changes no result.
    """

    path: str
    title: str
    text: str
    has_code: bool = False
    checker: str = ""
    compiled: bool = field(default=True, compare=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the text, 16 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Variant:
    """One accounting. Every field before based_on but name and summary is an integer choice; its values stand beside
    it, and in engine/choices.py in words.

    precharge pages = ceil(total / P) + a*N + b*min(N, pages touched at most) + c, or v1's own rule.
    judge: what it claims (CLAIMED), bits JUDGE_*; it goes by the name, and neither replace() nor a file passes it on.
    """

    name: str
    summary: str
    charge: int = CHARGE_NODES
    precharge_a: int = 1
    precharge_b: int = 0
    precharge_c: int = 0
    precharge_short: int = 0  # 1: v1's rule: N below one page of payload, else its pages
    precharge_total: int = TOTAL_FULL
    precharge_via: int = 0  # 0: the objcg's memcg; 1: the memcg of the sibling that reparents last
    walk: int = WALK_SIZE  # 6/9 accumulate_pages; exact: with the in-page offset; nominal: cpu_to_node (mutant)
    ext: int = 0  # 1: the obj_exts slice is charged to its own nodes (7/9)
    fast: int = 0  # 1: one online node takes all bytes without a walk (8/9)
    lookup: int = LOOKUP_NODEINFO  # obj_cgroup_nid() (5/9); stored objcg (4/9); sibling of the stored objcg
    refs: int = 0  # 0: a reference count for each objcg; 1: one for a memcg's group of objcgs
    post_rcu: int = 1  # the post hook's loop runs inside rcu_read_lock
    obj_slots: int = 5
    stat: int = TOTAL_FULL  # what MEMCG_PERCPU_B takes; 2: the free hook keeps it (mutant)
    free: int = FREE_NODES
    round: int = 0  # 1: floor instead of ceil (mutant)
    remainder: int = 0  # 1: not handed back; 2: handed to the stored objcg (mutants)
    refund: int = 0  # 1: the failure path returns ceil(F/P) only (mutant)
    first_refund: int = 0  # 1: none where obj_exts is NULL (mutant)
    entry: int = 0  # 1: not cleared at free (mutant)
    get: int = 0  # 1: the post hook takes no reference (mutant)
    nodes: int = 0  # 1: the loop skips nodes without CPUs (mutant)
    xchg: int = 0  # 1: no xchg of nr_charged_bytes; 2: its result dropped; 3: cut to 16 bits (mutants)
    drain: int = 0  # 1: the sub-page rest of a drained slot is dropped (mutant)
    evict: int = 0  # 1: no put on eviction (mutant)
    cap: int = 0  # 1: refill_stock cuts at 64 instead of draining (mutant)
    trylock: int = 0  # 1: a failed trylock loses the bytes (mutant)
    release: int = 0  # 1: release ignores nr_charged_bytes (mutant)
    undo: int = 0  # 1: a failed charge keeps the levels below (mutant)
    reparent: int = 0  # 1: inherited objcgs are not moved on (mutant)
    store: int = 0  # 1: the unused precharge is not returned (mutant)
    task_objcg: int = 0  # 0: task->objcgs, an entry a node (1/9); 1: one pointer, as before the series
    metadata: int = 0  # 1: 8 bytes a granule are charged whatever sizeof(pcpuobj_ext) is (before 3/9)
    slip: int = 0  # a planted slip of engine/core/planted.py (mutant)
    based_on: str = "v2"  # the variant that it changes: what it is compared with in words
    own: OwnFile | None = None
    judge: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "judge", CLAIMED.get(self.name, 0) if self.own is None else 0)

    def claiming(self, judge: int) -> Variant:
        """The same, held to these claims."""
        held = copy.copy(self)
        object.__setattr__(held, "judge", judge)
        return held

    def choices(self) -> dict[str, int]:
        """The choices by name, without name and summary."""
        return {name: getattr(self, name) for name in CHOICE_NAMES}

    def write(self, prog: Any) -> None:
        """Set the choices in a Prog record."""
        for name in (*CHOICE_NAMES, "judge"):
            prog["v_" + name] = getattr(self, name)

    @property
    def per_node(self) -> bool:
        """Whether it accounts by node."""
        return self.charge in (CHARGE_NODES, CHARGE_PAGES)

    def differs(self, other: Variant) -> dict[str, int]:
        """Its choices that are not the other's."""
        return {name: value for name, value in self.choices().items() if value != getattr(other, name)}


def row_of_variant(variant: Variant) -> dict[str, Any]:
    """A variant as data fit for JSON, with the text of its file."""
    return asdict(variant)


def variant_of_row(row: Mapping[str, Any]) -> Variant:
    """The inverse of row_of_variant."""
    given = dict(row)
    judge, own = given.pop("judge"), given.pop("own")
    return Variant(**given, own=None if own is None else OwnFile(**own)).claiming(judge)


CHOICE_NAMES = tuple(f.name for f in fields(Variant) if f.type == "int" and f.init)

_v2 = Variant("v2", "6/9: bytes by node of each page, one account a node, precharge ceil + N")

VARIANTS: dict[str, Variant] = {
    v.name: v
    for v in (
        Variant(
            "base", "before the series: bytes charged through the obj stock, one objcg",
            charge=CHARGE_BYTES, lookup=LOOKUP_STORED, free=FREE_STORED, precharge_a=0, task_objcg=1, metadata=1,
            post_rcu=0,
        ),
        Variant(
            "split", "4/9: precharge, account and refund split, one objcg",
            charge=CHARGE_SINGLE, lookup=LOOKUP_STORED, free=FREE_STORED, precharge_a=0, post_rcu=0,
        ),
        Variant(
            "v1", "first version: a credit of bytes for each node, page by page, and too small a precharge",
            charge=CHARGE_PAGES, precharge_short=1, precharge_a=0, precharge_total=TOTAL_PAYLOAD, post_rcu=0,
            obj_slots=1, stat=TOTAL_PAYLOAD, free=FREE_EACH_PAGE, task_objcg=1,
        ),
        _v2,
        replace(_v2, name="v2-exts", summary="7/9: as v2, and the obj_exts slice on its own nodes", ext=1),
        replace(_v2, name="v2-fast", summary="8/9: as v2-exts, one online node without a walk", ext=1, fast=1),
        replace(
            _v2, name="fixed", summary="exact walk, siblings of the stored objcg under one reference, ceil + N - 1",
            ext=1, fast=1, walk=WALK_EXACT, lookup=LOOKUP_SIBLING, refs=1, precharge_via=1, precharge_c=-1,
        ),
    )
}  # fmt: skip
