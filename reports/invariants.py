"""Invariants and hazards in plain words, and which variant an invariant is asked of (kernel.md 4.2, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from percpu_fuzz.engine.core.evidence import OWN_INVARIANTS
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import (
    CHARGE_BYTES,
    CHARGE_NODES,
    CHOICE_NAMES,
    FREE_STORED,
    JUDGE_TIGHT,
    VARIANTS,
    Variant,
)

INVARIANT_WORDS: dict[str, str] = {
    "I1": "the post hook never uses more pages than were precharged",
    "I1b": "ceil(sum b) <= used <= ceil(F) + K - 1 <= precharge (v2: <)",
    "I2": "every precharged page is used or given back, on failures too",
    "I3": "the free hook finds the bytes per node that were charged",
    "I4": "per-CPU stocks: no duplicate owner, amounts and css refs right",
    "I5": "no page counter goes below zero",
    "I6": "an area has an obj_exts entry exactly while it is accounted",
    "I7": "pages under a live area stay populated and on their node",
    "I8": "a released objcg leaves no bytes short of a whole page",
    "I9": "bytes charged = bytes live + bytes in stocks; none is lost",
    "I10": "memory.current = user, kmem, stocked and in-flight pages",
    "I11": "memory.stat's percpu equals the accounted bytes exactly",
    "I12": "after all is freed and drained no charge is left",
    "I13": "usage stays within memory.max, forced charges aside",
    "I14": "each node's kmem statistic agrees with the bytes charged there",
    "I18": "no NULL objcg is dereferenced",
    "I19": "no objcg is used after its release",
    "I20": "an objcg's reference count equals its holders; none is left",
    "I21": "who has to pay for an area pays for it, on the right nodes",
    "I22": "a charge fails only at a full limit or by an injected failure",
    "I23": "no objcg is released while bytes charged through it live",
    "I24": "a dead CPU keeps nothing in its stocks",
    "C1": "the first claim of the variant's own file",
    "C2": "the second claim of the variant's own file",
    "C3": "the third claim of the variant's own file",
    "C4": "the fourth claim of the variant's own file",
}


# Interleavings and situations that a campaign should have passed.
HAZARD_WORDS: dict[str, str] = {
    "H1": "offline between the two loads of a node's objcg",
    "H2": "sibling lookup while an offline is half done",
    "H3": "reparenting between a node's two lookups",
    "H4": "an area outlives its cgroup",
    "H5": "a sibling objcg released, its areas live",
    "H6": "a node of an offline cgroup is reparented",
    "H7": "migration between precharge and refund",
    "H8": "an interrupt finds a stock lock held",
    "H9": "a full drain between precharge and post hook",
    "H10": "slots change owner before queued drain work",
    "H11": "a charge finds the drain mutex held",
    "H12": "a drain leaves an isolated CPU out",
    "H13": "the allocation fails after its precharge",
    "H14": "the area lands in the first chunk",
    "H15": "the task moves while it holds a borrowed objcg",
    "H16": "charged to an active cgroup, not the task's own",
    "H17": "freed in interrupt or callback, other node",
    "H18": "a CPU with filled stocks goes away",
    "H19": "memory.max changes, or a charge overshoots it",
    "H20": "pages populated or given up near a live area",
    "H21": "a second node comes online before the free",
    "H22": "a stock slot is evicted inside one post hook",
    "H23": "the last reference is dropped inside a drain",
    "H24": "two CPUs refill the same objcg",
    "H25": "bytes are added to an objcg as it is released",
}


def words_of(invariant: str, describe: Mapping[str, Any]) -> str:
    """What an invariant says; of own ones of a campaign's variant, what its file said."""
    return str(own_claims(describe).get(invariant, INVARIANT_WORDS[invariant]))


def own_claims(describe: Mapping[str, Any]) -> Mapping[str, str]:
    """The own invariants of a campaign's variant, by name, as its description has them."""
    claims: Mapping[str, str] = describe.get("own", {}).get("invariants", {})
    return claims


def applies(invariant: str, variant: Variant) -> bool:
    """Whether the engine checks the invariant for this accounting. InputError for a name that does not exist."""
    if invariant not in INVARIANT_WORDS:
        raise InputError("invariant", invariant, ", ".join(INVARIANT_WORDS))
    if invariant in ("I1", "I2"):
        return variant.charge != CHARGE_BYTES
    if invariant == "I1b":
        return variant.judge & JUDGE_TIGHT != 0
    if invariant == "I3":
        return variant.free != FREE_STORED
    if invariant in OWN_INVARIANTS:
        from percpu_fuzz.engine.own.file import own_invariants  # the whole engine, of which a file may replace any part

        return invariant in own_invariants(variant)
    if invariant == "I14":
        return variant.charge >= CHARGE_NODES
    return True


def described_variant(describe: Any) -> Variant | None:
    """The variant of a campaign: by its name, or from "choices" where the description holds them; None if neither."""
    choices = describe.get("choices")
    if choices is not None:
        known = set(CHOICE_NAMES)
        return Variant(str(describe["variant"]), "", **{k: int(v) for k, v in choices.items() if k in known}).claiming(  # type: ignore[arg-type]
            int(describe.get("judge", 0))
        )
    return VARIANTS.get(str(describe["variant"]))
