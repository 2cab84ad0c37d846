"""What a file with a patch of one's own imports: marks, helpers and the engine's words. docs/own-patch.md shows how."""

from __future__ import annotations

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.evidence import note_live, touch_area, touch_chunk, touch_cpu, touch_memcg, touch_objcg
from percpu_fuzz.engine.core.labels import (
    OWN_1,
    OWN_2,
    OWN_3,
    OWN_4,
    OWN_5,
    OWN_6,
    OWN_7,
    OWN_8,
    OWN_9,
    OWN_10,
    OWN_11,
    OWN_12,
    OWN_13,
    OWN_14,
    OWN_15,
    OWN_16,
)
from percpu_fuzz.engine.core.primitives import ceil_div, goto, preempt_off, preempt_on, rcu_lock, rcu_unlock
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.own.helpers import account, climb, lookup, refill
from percpu_fuzz.engine.own.helpers import uncharge_bytes as uncharge
from percpu_fuzz.engine.own.marks import checker, replaces, step_at
from percpu_fuzz.engine.variant import VARIANTS, Variant

__all__ = [
    "OWN_1",
    "OWN_2",
    "OWN_3",
    "OWN_4",
    "OWN_5",
    "OWN_6",
    "OWN_7",
    "OWN_8",
    "OWN_9",
    "OWN_10",
    "OWN_11",
    "OWN_12",
    "OWN_13",
    "OWN_14",
    "OWN_15",
    "OWN_16",
    "VARIANTS",
    "Prog",
    "State",
    "Topo",
    "Variant",
    "account",
    "ceil_div",
    "checker",
    "climb",
    "goto",
    "labels",
    "lookup",
    "note_live",
    "preempt_off",
    "preempt_on",
    "rcu_lock",
    "rcu_unlock",
    "refill",
    "replaces",
    "step_at",
    "touch_area",
    "touch_chunk",
    "touch_cpu",
    "touch_memcg",
    "touch_objcg",
    "uncharge",
]
