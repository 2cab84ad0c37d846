"""The measurement stream's law of waste, sampled a million times on each of 30 small worlds, against enumeration."""

from __future__ import annotations

from typing import Any

from placement_law import MACHINES, MODELS, WRONG, law_of, narrowed_plan, p_value, sampled
from stored_campaigns import in_parallel

from percpu_fuzz.strategies.plan.batches import Batches

CASES = 1_000_000
WORLDS = [(machine, model) for machine in range(len(MACHINES)) for model in MODELS]


def examined(number: int) -> dict[str, float]:
    """p-value of a world against its law, and against each wrong one."""
    machine, model = MACHINES[WORLDS[number][0]], WORLDS[number][1]
    found = sampled(machine, model, CASES, 500 + number)
    rules = {"right": None, **WRONG}
    return {name: p_value(found, law_of(machine, model, rule)) for name, rule in rules.items()}


def sampler() -> dict[str, Any]:
    """10 machines x 3 models of fallback: p-values look uniform (KS p > 0.001), those of each wrong law do not.

    A case is one allocation in an empty allocator, drawn from the stream's table narrowed to what is enumerated; the
    decoder, the engine and what is counted are those of a campaign.
    """
    from scipy.stats import kstest

    Batches(narrowed_plan(MACHINES[0], "runs", 1)).warm()
    rows = in_parallel(examined, range(len(WORLDS)))
    ks = {name: float(kstest([row[name] for row in rows], "uniform").pvalue) for name in rows[0]}
    return {
        "passed": ks.pop("right") > 0.001 and all(p < 1e-6 for p in ks.values()), "worlds": len(rows),
        "samples_each": CASES, "ks": float(kstest([row["right"] for row in rows], "uniform").pvalue), "ks_wrong": ks,
        "rejected_by_wrong_law": {name: sum(row[name] < 1e-6 for row in rows) for name in WRONG},
        "p_values": {
            f"{MACHINES[m].name} {model}": round(row["right"], 4) for (m, model), row in zip(WORLDS, rows, strict=True)
        },
    }  # fmt: skip


LINES = {"sampler": sampler}
