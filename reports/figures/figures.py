"""Figures: everything that is computed from a campaign, each of it once. Wires what its neighbours compute."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from percpu_fuzz.engine.variant import CHARGE_BYTES, Variant
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.by_stratum import StratumWaste, waste_by_stratum
from percpu_fuzz.reports.figures.cells import Cell, cells
from percpu_fuzz.reports.figures.certificate import Certificate, certificate
from percpu_fuzz.reports.figures.discovery import Discovery, discovery
from percpu_fuzz.reports.figures.estimates import (
    Distribution,
    FamilyEstimate,
    HereWaste,
    Sampled,
    family_estimate,
    here_waste,
    pooled_estimates,
    sampled,
)
from percpu_fuzz.reports.figures.families import Family, HugeFamilies, apart, families_of, huge_families
from percpu_fuzz.reports.figures.headroom import (
    CLASS_PLACES,
    AgainstBase,
    Headroom,
    NodesCurve,
    curve_places,
    nodes_curves,
    pooled_headrooms,
    refused_against_base,
    table_places,
)
from percpu_fuzz.reports.figures.left_over import LeftOver, left_over_by_family
from percpu_fuzz.reports.figures.misplaced import Misplaced, misplaced
from percpu_fuzz.reports.figures.operations import CallSurvey, call_survey
from percpu_fuzz.reports.figures.rates import InvariantEstimate, UntilFixed, invariant_estimates, until_fixed
from percpu_fuzz.reports.invariants import described_variant
from percpu_fuzz.reports.quantities import QUANTITIES, Quantity


@dataclass(frozen=True, eq=False)
class Figures:
    """What a section of a page is made from. Its campaign's records never change; nobody changes what is given out.

    What is about the precharge is empty for a variant that charges bytes and precharges no page.
    """

    campaign: Campaign

    @cached_property
    def variant(self) -> Variant | None:
        """The accounting that was run; None if this code does not know it."""
        return described_variant(self.campaign.describe)

    @cached_property
    def precharges(self) -> bool:
        """False for a variant that has no waste to speak of."""
        return self.variant is None or self.variant.charge != CHARGE_BYTES

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """What is measured of the variant."""
        return tuple(QUANTITIES.values()) if self.precharges else ()

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Families of the measurement stream, in the plan's order."""
        return families_of(self.campaign)

    @cached_property
    def huge(self) -> HugeFamilies | None:
        """Families on machines of many nodes, where there are others too."""
        return huge_families(self.families)

    @cached_property
    def family_estimates(self) -> list[FamilyEstimate]:
        """Each family by itself."""
        return [family_estimate(family, self.quantities, self.variant) for family in self.families]

    @cached_property
    def pooled(self) -> dict[str, Distribution]:
        """All families by weight, by the name of the quantity's histogram."""
        return pooled_estimates(self.families, self.quantities, self.variant)

    @cached_property
    def pooled_without_huge(self) -> dict[str, Distribution]:
        """The same without machines of many nodes; empty where there are none."""
        return pooled_estimates(apart(self.families)[1], self.quantities, self.variant)

    @cached_property
    def sampled(self) -> list[Sampled]:
        """Wasted precharge up to far quantiles, all by weight first; empty where nothing is precharged."""
        return sampled(self.families, self.variant) if self.precharges else []

    @cached_property
    def here(self) -> HereWaste | None:
        """The same of the machine that the campaign ran on; None where nobody looked."""
        return here_waste(self.campaign, self.variant)

    @cached_property
    def invariants(self) -> list[InvariantEstimate]:
        """Every invariant of the engine, in its order."""
        return invariant_estimates(self.campaign, self.families, self.variant)

    @cached_property
    def left_over(self) -> LeftOver:
        """Pages precharged but not used, by family."""
        return left_over_by_family(self.families)

    @cached_property
    def precharging_families(self) -> tuple[Family, ...]:
        """The families, where the variant precharges; none where it does not."""
        return self.families if self.precharges else ()

    @cached_property
    def headroom_curve(self) -> list[Headroom]:
        """Failures that only the precharge causes, at every headroom that matters."""
        return pooled_headrooms(self.precharging_families, curve_places)

    @cached_property
    def headroom(self) -> list[Headroom]:
        """The same at a few headrooms."""
        return pooled_headrooms(self.precharging_families, table_places)

    @cached_property
    def against_base(self) -> list[AgainstBase]:
        """Failures where the kernel before the series serves, at a few headrooms."""
        return refused_against_base(self.precharging_families, table_places)

    @cached_property
    def nodes_curves(self) -> list[NodesCurve]:
        """The same by nodes and by whether the allocation may block."""
        return nodes_curves(self.precharging_families)

    @cached_property
    def headroom_by_nodes(self) -> list[NodesCurve]:
        """That at a few headrooms."""
        return nodes_curves(self.precharging_families, CLASS_PLACES)

    @cached_property
    def misplaced(self) -> Misplaced | None:
        """Probes with bytes booked on another node than the one they lie on."""
        return misplaced(self.precharging_families)

    @cached_property
    def cells(self) -> list[Cell]:
        """Mean waste by nodes and size."""
        return cells(self.precharging_families, self.variant)

    @cached_property
    def strata(self) -> list[StratumWaste]:
        """Waste by what a case was like."""
        return waste_by_stratum(self.precharging_families, self.variant)

    @cached_property
    def discovery(self) -> Discovery:
        """Kinds of violation that the hunting stream has shown."""
        return discovery(self.campaign)

    @cached_property
    def certificate(self) -> Certificate:
        """What the campaign bounds."""
        return certificate(self.campaign)

    @cached_property
    def until_fixed(self) -> tuple[UntilFixed, ...]:
        """Clean cases, and the time they take, that exclude a bug of a given rate."""
        return until_fixed(self.campaign)

    @cached_property
    def calls(self) -> CallSurvey | None:
        """Calls into memcg by size of the machine; None where they were not counted."""
        return call_survey(self.campaign.operations)
