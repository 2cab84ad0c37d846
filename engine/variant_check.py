"""Checks a variant that somebody wrote: every choice must be one that the engine has."""

from __future__ import annotations

import re

from percpu_fuzz.engine.core.planted import SLIPS
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import Variant

NAME_MOST = 120  # it is in names of folders and files
NAME = rf"[\w.:/+-]{{1,{NAME_MOST}}}"
PRECHARGE_MOST = 4096  # pages, for each term of the precharge formula

LARGEST: dict[str, int] = {
    "charge": 3, "precharge_short": 1, "precharge_total": 1, "precharge_via": 1, "walk": 2, "ext": 1, "fast": 1,
    "lookup": 2, "refs": 1, "post_rcu": 1, "stat": 2, "free": 3, "round": 1, "remainder": 2, "refund": 1,
    "first_refund": 1, "entry": 1, "get": 1, "nodes": 1, "xchg": 3, "drain": 1, "evict": 1, "cap": 1, "trylock": 1,
    "release": 1, "undo": 1, "reparent": 1, "store": 1, "task_objcg": 1, "metadata": 1, "slip": len(SLIPS), "judge": 7,
}  # fmt: skip


def check_variant(variant: Variant, where: str) -> None:
    """InputError for a name or a choice that cannot be, naming it and what is allowed."""
    if not isinstance(variant.name, str) or not re.fullmatch(NAME, variant.name, re.ASCII):
        raise InputError(where, f"a variant named {variant.name!r}", f"at most {NAME_MOST} letters, digits and _.:/+-")
    for name, value in variant.choices().items():
        if name == "obj_slots":
            allowed: tuple[int, ...] = (1, 5)
        elif name in ("precharge_a", "precharge_b", "precharge_c"):
            allowed = (-PRECHARGE_MOST, PRECHARGE_MOST)
        else:
            allowed = (0, LARGEST[name])
        if type(value) is not int or not (
            value in allowed if name == "obj_slots" else allowed[0] <= value <= allowed[1]
        ):
            words = "1 or 5" if name == "obj_slots" else f"{allowed[0]} to {allowed[1]}"
            raise InputError(where, f"variant {variant.name!r} has {name} = {value!r}", words)
