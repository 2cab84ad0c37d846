"""The functions that take the place of engine.core.hooks: written out for the steps, claims and checkers of a file."""

from __future__ import annotations

from collections.abc import Sequence
from types import FunctionType
from typing import Any

from percpu_fuzz.engine.core import hooks
from percpu_fuzz.engine.core.derived import made
from percpu_fuzz.engine.core.evidence import FIRST_OWN, violate
from percpu_fuzz.engine.core.labels import OP_ALLOC, OP_PLACE
from percpu_fuzz.engine.own.helpers import touched_nodes

FILE = "a user's file"
# What a claim may ask about the accounted allocation that ends: its parameter's name, and where the number stands.
CLAIM_WORDS = {
    "outcome": "st.r_charged[t]",  # 1 charged; 2 its charge failed; 3 no obj_exts there; 4 no area found
    "size_bytes": "(prog.op_bytes[t, st.op_i[t]] + 3) // 4 * 4",
    "full_bytes": "st.r_full[t]",
    "precharge_pages": "st.r_precharge[t]",
    "used_pages": "st.r_used[t]",
    "returned_pages": "st.r_refunded[t]",
    "memcg_operations": "st.r_ops[t]",
    "touched_nodes": "_touched(topo, st, t)",
    "nodes": "topo.nr_nodes",
    "online_nodes": "st.nr_online_nodes",
    "cpus": "topo.nr_cpus",
    "page_bytes": "topo.page_size",
}


def step_hook(steps: Sequence[tuple[int, FunctionType]]) -> FunctionType:
    """own_step: each label its step."""
    scope: dict[str, Any] = {f"_step_{label}": function for label, function in steps}
    lines = [
        f"    if label == {label}:\n        _step_{label}(topo, prog, st, t)\n        return" for label, _ in steps
    ]
    lines.append("    raise RuntimeError('no step stands at this label')")
    return made("own_step", "def own_step(topo, prog, st, t, label):\n" + "\n".join(lines), scope, FILE)


def ready_hook(waits: Sequence[tuple[int, FunctionType]]) -> FunctionType:
    """own_ready: a step that waits for something asks for it."""
    scope: dict[str, Any] = {f"_when_{label}": function for label, function in waits}
    lines = [f"    if label == {label}:\n        return bool(_when_{label}(topo, prog, st, t))" for label, _ in waits]
    lines.append("    return True")
    return made("own_ready", "def own_ready(topo, prog, st, t, label):\n" + "\n".join(lines), scope, FILE)


def claims_hook(claims: Sequence[tuple[FunctionType, tuple[str, ...]]], first: int) -> FunctionType:
    """own_claims: each claim about an accounted allocation, asked when that ends."""
    scope: dict[str, Any] = {f"_claim_{i}": function for i, (function, _) in enumerate(claims)}
    scope |= {"_violate": violate, "_touched": touched_nodes}
    lines = [
        "    if st.phase > 0 or st.r_charged[t] == 0:\n        return",
        "    kind = prog.op_kind[t, st.op_i[t]]",
        f"    if kind != {OP_ALLOC} and kind != {OP_PLACE}:\n        return",
    ]
    for i, (_, names) in enumerate(claims):
        asked = ", ".join(CLAIM_WORDS[name] for name in names)
        lines.append(f"    if not _claim_{i}({asked}):\n        _violate(st, t, st.pc[t], {first + i}, 1, 0)")
    return made("own_claims", "def own_claims(topo, prog, st, t):\n" + "\n".join(lines), scope, FILE)


def check_hook(checkers: Sequence[FunctionType], first: int) -> FunctionType:
    """own_check: each checker, asked after every step."""
    scope: dict[str, Any] = {f"_checker_{i}": function for i, function in enumerate(checkers)}
    scope["_violate"] = violate
    lines = [
        f"    if not _checker_{i}(topo, prog, st, t):\n        _violate(st, t, label, {first + i}, 1, 0)"
        for i in range(len(checkers))
    ]
    return made("own_check", "def own_check(topo, prog, st, t, label):\n" + "\n".join(lines), scope, FILE)


def hooks_of(
    steps: Sequence[tuple[int, FunctionType, FunctionType | None]],
    claims: Sequence[tuple[FunctionType, tuple[str, ...]]],
    checkers: Sequence[FunctionType],
) -> dict[FunctionType, FunctionType]:
    """By hook of engine.core.hooks what takes its place; the other hooks stay as they are.

    steps: label, step, what it waits for. claims: with the names of their parameters, keys of CLAIM_WORDS.
    """
    found: dict[Any, FunctionType] = {}
    if steps:
        found[hooks.own_step] = step_hook([(label, function) for label, function, _ in steps])
    waits = [(label, when) for label, _, when in steps if when is not None]
    if waits:
        found[hooks.own_ready] = ready_hook(waits)
    if claims:
        found[hooks.own_claims] = claims_hook(claims, FIRST_OWN)
    if checkers:
        found[hooks.own_check] = check_hook(checkers, FIRST_OWN + len(claims))
    return {hook.py_func: function for hook, function in found.items()}


def hook_functions() -> frozenset[FunctionType]:
    """The hooks as plain Python: what a file replaces without naming it."""
    found: Any = (
        hooks.own_step, hooks.own_ready, hooks.own_claims, hooks.own_check, hooks.own_reset, hooks.ready_follows,
    )  # fmt: skip
    return frozenset(hook.py_func for hook in found)


def clearing() -> dict[FunctionType, FunctionType]:
    """What stands in the place of hooks in every engine of one's own: spare words are cleared at reset, and whoever may
    step is asked anew at each.
    """
    reset: Any = hooks.own_reset
    clear: Any = hooks.clear_own_words
    follows: Any = hooks.ready_follows
    ask: Any = hooks.ask_everybody
    return {reset.py_func: clear.py_func, follows.py_func: ask.py_func}
