"""Families of the measurement stream as strata: weight, what was counted of each, and how large its machines are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import (
    EVERY_ALLOCATION,
    OF_PARTS,
    OF_PRODUCTS,
    OF_SQUARES,
    OF_VALUE_SQUARES,
    Histogram,
    Outcome,
)
from percpu_fuzz.engine.topology import MAX_NODES
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.reports.campaign import Campaign, Sums
from percpu_fuzz.reports.quantities import WASTE, Quantity
from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.strata import Stratum

HUGE_NODES = 64  # families on machines of more nodes are also shown apart: few of their cases can be run
CPUS_MOST = 1 << 20  # of a machine that was not recorded
NODE_CLASSES = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, MAX_NODES))  # machines by possible nodes, ends included
CPU_CLASSES = ((1, 4), (5, 16), (17, 64), (65, 256), (257, 8192))
OPEN_ENDS = (MAX_NODES, 8192)  # no machine has more nodes or CPUs

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Family:
    """A family: its share of the distribution that is measured (shares sum to 1), and the sums of its batches.

    measured: of the batches that estimates use, empty before the first. nodes, cpus: fewest and most possible ones of
    its machines; any number where that was not recorded.
    """

    name: str
    weight: int
    share: float
    measured: Sums
    nodes: Span
    cpus: Span

    @property
    def cases(self) -> int:
        """Measured cases."""
        return self.measured.cases

    def histogram(self, name: str) -> Histogram:
        """Measured cases by value, values ascending; empty if none was counted."""
        return self.measured.histogram(name)

    def stratum(self, quantity: Quantity, variant: Variant | None) -> Stratum:
        """The family as a stratum of a quantity, with what bounds it on the family's machines."""
        found = self.histogram(quantity.histogram)
        averages = averages_of(self.measured, quantity.histogram)
        bound = quantity.bound(found if averages is None else averages.parts, variant, self.nodes[1])
        return Stratum(self.share, self.cases, found, bound, averages)


@dataclass(frozen=True, slots=True)
class HugeFamilies:
    """What families on machines of many nodes add: their weight, cases, and pages of the mean waste of all."""

    names: tuple[str, ...]
    share: float
    cases: int
    waste_pages: float


def averages_of(sums: Sums, name: str) -> Averages | None:
    """Over every charged allocation of a case; None where batches counted the probes alone."""
    if name not in EVERY_ALLOCATION or name + OF_VALUE_SQUARES not in sums.counts:
        return None
    parts, squares, products = (sums.histogram(name + of) for of in (OF_PARTS, OF_SQUARES, OF_PRODUCTS))
    return Averages(parts, squares, products, sums.counts[name + OF_VALUE_SQUARES])


def averages_in(outcome: Outcome, name: str) -> Averages:
    """Over every charged allocation of a batch's cases, or over their probes where those alone were counted."""
    counted = outcome.histograms
    if name + OF_VALUE_SQUARES not in outcome.counts:
        return Averages.of_probes(counted.get(name, {}))
    parts, squares, products = (counted.get(name + of, {}) for of in (OF_PARTS, OF_SQUARES, OF_PRODUCTS))
    return Averages(parts, squares, products, outcome.counts[name + OF_VALUE_SQUARES])


def families_of(campaign: Campaign) -> tuple[Family, ...]:
    """The families of a campaign, in the plan's order."""
    total, sums = sum(campaign.weights.values()), campaign.estimated
    nodes, cpus = campaign.describe.get("nodes", {}), campaign.describe.get("cpus", {})
    return tuple(
        Family(
            name, weight, weight / total, sums.get(name) or Sums(),
            _range(nodes.get(name), MAX_NODES), _range(cpus.get(name), CPUS_MOST),
        )
        for name, weight in campaign.weights.items()
    )  # fmt: skip


def _range(recorded: Sequence[int] | None, most: int) -> Span:
    return (1, most) if recorded is None else (recorded[0], recorded[1])


def range_text(group: Span) -> str:
    """Numbers of nodes or CPUs, ends included: 1, 5-8, 17+."""
    low, high = group
    return str(low) if low == high else f"{low}+" if high in OPEN_ENDS else f"{low}-{high}"


def apart(families: Sequence[Family]) -> tuple[list[Family], list[Family]]:
    """Families of which every machine has more than HUGE_NODES nodes, and the others; both empty if one of them is."""
    huge = [family for family in families if family.nodes[0] > HUGE_NODES]
    others = [family for family in families if family.nodes[0] <= HUGE_NODES]
    return (huge, others) if huge and others else ([], [])


def huge_families(families: Sequence[Family]) -> HugeFamilies | None:
    """What those on machines of many nodes add to the mean waste; None where there are none, or none but those."""
    huge, others = apart(families)
    if not huge:
        return None
    charged = sum(f.share * f.measured.counts["probe.charged"] / f.cases for f in (*huge, *others) if f.cases)
    waste = sum(
        f.share * sum(v * k for v, k in f.histogram(WASTE.histogram).items()) / f.cases for f in huge if f.cases
    )
    return HugeFamilies(
        tuple(f.name for f in huge), sum(f.share for f in huge), sum(f.cases for f in huge),
        waste / charged if charged else 0.0,
    )  # fmt: skip
