"""The invariants in plain words, and which variant each is asked of (kernel.md 4.3; the checkers are in engine/)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from engine.base import INVARIANT_NAMES
from engine.errors import InputError
from engine.variant import CHARGE_BYTES, CHARGE_NODES, CHARGE_PAGES, FREE_STORED, LOOKUP_NODEINFO, VARIANTS, Variant

WORDS: dict[str, str] = {
    "I1": "the pages used by the post hook never exceed the precharge",
    "I1b": "the precharge fits: pages used within ceil(F)+K-1, and a page is left over",
    "I2": "every precharged page is either used or given back, on failures too",
    "I3": "the free hook computes the same bytes per node as the post hook did",
    "I4": "per-CPU stocks keep their shape: no duplicate owner, amounts within bounds",
    "I5": "no page counter goes below zero",
    "I6": "an area has an obj_exts entry exactly while it is accounted",
    "I7": "pages under a live area stay populated and stay on their node",
    "I8": "a released objcg has no bytes left that do not fill a page",
    "I9": "bytes charged = bytes live + bytes in stocks, for each objcg; nothing is lost",
    "I10": "memory.current = user + kmem + stocked + in-flight pages, for each cgroup",
    "I11": "the percpu line of memory.stat equals the accounted bytes exactly",
    "I12": "after everything is freed and drained no charge is left",
    "I13": "usage stays within memory.max unless the kernel forces a charge",
    "I14": "on each node, kmem statistics, pages charged and bytes there agree",
    "I18": "no hook dereferences a NULL objcg",
    "I19": "no objcg is used after its release",
    "I20": "an objcg's reference count equals its holders, and all are gone at the end",
}
CRASHING = ("I18", "I19")  # end a case, as an underflow (I5) does


@dataclass(frozen=True, slots=True)
class Invariant:
    """Name and meaning of one invariant."""

    name: str
    meaning: str


def invariants() -> list[Invariant]:
    """All of them, in the engine's order. KeyError if one has no words."""
    return [Invariant(name, WORDS[name]) for name in INVARIANT_NAMES]


def applies(invariant: str, variant: Variant) -> bool:
    """Whether the engine checks the invariant for this accounting. InputError for a name that does not exist."""
    if invariant not in WORDS:
        raise InputError("invariant", invariant, ", ".join(WORDS))
    if invariant in ("I1", "I2"):
        return variant.charge != CHARGE_BYTES
    if invariant == "I1b":  # the formula of 6/9; `fixed` precharges a page less, so no page need be left over
        return variant.lookup == LOOKUP_NODEINFO and variant.charge not in (CHARGE_BYTES, CHARGE_PAGES)
    if invariant == "I3":
        return variant.free != FREE_STORED
    if invariant == "I14":
        return variant.charge >= CHARGE_NODES
    return True


def described_variant(describe: Any) -> Variant | None:
    """The variant of a campaign: by its name, or from "choices" where the description holds them; None if neither."""
    choices = describe.get("choices")
    if choices is not None:
        known = {f.name for f in fields(Variant)}
        return Variant(str(describe["variant"]), "", **{k: int(v) for k, v in choices.items() if k in known})
    return VARIANTS.get(str(describe["variant"]))
