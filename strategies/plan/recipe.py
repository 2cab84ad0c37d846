"""Plans from what was asked for: names checked, files loaded, families that the variant can run on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.topology_file import load_topology
from percpu_fuzz.engine.variant import CHARGE_PAGES, FREE_EACH_PAGE, VARIANTS, Variant, variant_of_row
from percpu_fuzz.strategies.draw.calibration import Calibration, check_calibration
from percpu_fuzz.strategies.draw.faults import fault_rates
from percpu_fuzz.strategies.draw.topologies import Family, families, named_families, single_family
from percpu_fuzz.strategies.draw.weights import Weights, weighed
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.portfolio import PORTFOLIO
from percpu_fuzz.strategies.plan.user_scheduler import load_user_scheduler
from percpu_fuzz.strategies.schedulers.record import SCHEDULERS


def make_plan(
    variant: Variant | str,
    seed: int,
    topology: Topology | None = None,
    faults: tuple[str, ...] = (),
    scheduler: str = PORTFOLIO,
    learns: bool = True,
    calibration: Calibration | None = None,
    family_names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    given_weights: Weights = (),
    waste_only: bool = False,
) -> Plan:
    """The plan of a campaign; `variant` may be the name of one of the engine's own.

    family_names: of what to draw from, () for the default. notes: what had to be assumed of the topology.
    given_weights: of families, in place of their own. waste_only: nothing but wasted precharge is asked for.

    InputError for a name that does not exist or a machine that the variant cannot run on.
    """
    if isinstance(variant, str):
        if variant not in VARIANTS:
            raise InputError("variant", repr(variant), ", ".join(VARIANTS))
        variant = VARIANTS[variant]
    fault_rates(faults)
    names = (PORTFOLIO, *SCHEDULERS[:-1])
    user = load_user_scheduler(scheduler) if ".py:" in scheduler else None
    if user is None and scheduler not in names:
        raise InputError("--scheduler", repr(scheduler), ", ".join(names) + " or FILE.py:NAME")
    chosen = chosen_families(variant, topology, family_names, given_weights)
    return Plan(
        variant, seed, chosen, faults, scheduler, learns, user, topology, (), calibration, family_names, notes,
        given_weights, waste_only,
    )  # fmt: skip


def chosen_families(
    variant: Variant, topology: Topology | None, family_names: tuple[str, ...], given_weights: Weights
) -> tuple[Family, ...]:
    """What a campaign draws its machines from. InputError for what cannot go together or cannot run the variant."""
    for flag, given in (("--families", family_names), ("--weights", given_weights)):
        if topology is not None and given:
            shown = ",".join(row if isinstance(row, str) else f"{row[0]}={row[1]}" for row in given)
            refused = f"{shown} with --topology {topology.name}"
            raise InputError(flag, refused, "one of the two: --topology is one machine")
    chosen = families() if topology is None else single_family(topology)
    if family_names:
        chosen = named_families(family_names, "--families")
    if given_weights:
        chosen = weighed(chosen, given_weights, "--weights")
    if variant.free == FREE_EACH_PAGE or variant.charge == CHARGE_PAGES:
        chosen = tuple(family for family in chosen if family.size_class == "small")
        if not chosen:
            refused = f"{variant.name!r} on a machine of class wide"
            raise InputError("--variant", refused, "machines of class small, which keep the order by CPU")
    return chosen


def plan_from(recipe: Mapping[str, Any]) -> Plan:
    """The plan of Plan.recipe()."""
    topology = None if recipe["topology"] is None else load_topology(recipe["topology"].encode(), "recipe")
    calibration = None
    if recipe["calibration"] is not None:
        calibration = check_calibration(msgspec.convert(recipe["calibration"], Calibration), "recipe")
    return make_plan(
        variant_of_row(recipe["variant"]), recipe["seed"], topology, tuple(recipe["faults"]), recipe["scheduler"],
        recipe["learns"], calibration, tuple(recipe["family_names"]),
        given_weights=tuple((name, share) for name, share in recipe["given_weights"]), waste_only=recipe["waste_only"],
    )  # fmt: skip
