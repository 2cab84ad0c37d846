"""What the machine at hand wastes: a sample without checks that stands first in a report, and in no digest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import EVERY_ALLOCATION, MEASUREMENT
from percpu_fuzz.engine.topology import Topology, size_class_of
from percpu_fuzz.engine.variant import CHARGE_BYTES
from percpu_fuzz.fuzz.options import campaign_machine_option
from percpu_fuzz.reports.campaign import Sums
from percpu_fuzz.strategies.draw.field import PLENTY
from percpu_fuzz.strategies.machines.tree import RUNNING
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan

SAMPLED_NODES = 20_000  # cases by nodes, of two at least: a fifth of a second of one CPU


def sampled_here(plan: Plan) -> dict[str, Any]:
    """What a store keeps of it (reports.campaign.RunFacts.here); empty where a machine was asked for, or no waste.

    The same cases as those of `run --waste-only --topology` on this machine with the campaign's seed, while it has
    memory to spare. One that cannot be read, or whose size class the campaign does not run, is `unknown`, and why.
    """
    if plan.topology is not None or plan.variant.charge == CHARGE_BYTES:
        return {}
    if plan.variant.own is not None and plan.variant.own.has_code:
        return {"unknown": "a patch with steps of its own has an engine of its own"}
    try:
        machine = campaign_machine_option(str(RUNNING))
        spare, calibration = idle(machine.topology), plan.calibration
        here = make_plan(plan.variant, plan.seed, spare, plan.faults, calibration=calibration, waste_only=True)
    except InputError as error:
        return {"unknown": f"{error.where}: {error.given}"}
    size_class = size_class_of(machine.topology)
    if size_class not in {family.size_class for family in plan.families}:
        return {"unknown": f"a machine of class {size_class}, for which this campaign compiles nothing"}
    sums, batches, k = Sums(), Batches(here), 0
    while sums.cases * max(2, len(machine.topology.nodes)) < SAMPLED_NODES:
        sums.add(batches.outcome(MEASUREMENT, k))
        k += 1
    return {
        "nodes": len(machine.topology.nodes), "cpus": len(machine.topology.cpus),
        "page_size": machine.topology.page_size, "assumed": list(machine.notes), "cases": sums.cases,
        "histograms": {name: sorted(h.items()) for name, h in sums.histograms.items() if is_of_waste(name)},
        "counts": {name: n for name, n in sorted(sums.counts.items()) if is_of_waste(name)},
    }  # fmt: skip


def is_of_waste(name: str) -> bool:
    """Whether a histogram or a count is of what an allocation wastes."""
    return name.startswith(EVERY_ALLOCATION)


def idle(machine: Topology) -> Topology:
    """The machine with memory to spare: what is free at the moment is none of it, and would change the sample."""
    nodes = tuple(replace(n, pages=n.low_pages + PLENTY) if n.has_memory else n for n in machine.nodes)
    return replace(machine, nodes=nodes)
