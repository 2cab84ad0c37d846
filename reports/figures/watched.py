"""The figures that --stop can watch: each takes in batches and bounds itself at every look.

Rates of invariants are those of the measured cases as they are run, as in the certificate: with machines of a thousand
nodes, of which few cases can be run, a rate by weight would stay open for hours. All else is by weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from percpu_fuzz.engine.histograms import PRECHARGE_USED
from percpu_fuzz.engine.outcome import Histogram, Outcome
from percpu_fuzz.reports.figures.families import averages_in
from percpu_fuzz.reports.figures.headroom import counted
from percpu_fuzz.reports.quantities import METADATA_PAGES, WASTE, Quantity
from percpu_fuzz.reports.statistics.anytime import anytime_high, anytime_low
from percpu_fuzz.reports.statistics.anytime_averaged_quantile import QuantileSequence, averaged_quantile_interval
from percpu_fuzz.reports.statistics.anytime_mean import MeanSequence, mean_interval
from percpu_fuzz.reports.statistics.anytime_quantile import quantile_interval
from percpu_fuzz.reports.statistics.anytime_ratio import ratio_interval
from percpu_fuzz.reports.statistics.intervals import Interval
from percpu_fuzz.reports.statistics.strata import Stratum

UNKNOWN = Interval(None, None)


def watched_most(quantity: Quantity, nodes: int) -> int:
    """The most that waste or its share can be on machines of so many nodes, with the formula of v2."""
    return nodes + 1 + METADATA_PAGES if quantity is WASTE else 100


class Watched(Protocol):
    """A figure that is bounded at every look; method: in words."""

    method: str

    def add(self, outcome: Outcome) -> None:
        """Take in the next batch."""
        ...

    def interval(self, unknown: int, level: float) -> Interval:
        """The bounds now, with so many unknown cases, at a confidence level."""
        ...


@dataclass(slots=True)
class RateFigure:
    """The average rate of the cases so far at which one breaks an invariant, or any (None).

    A case that broke several invariants is in the counts of each: for any, the sum is the most that there can be, the
    largest count the least. An unknown case may have broken it or not.
    """

    invariant: str | None
    cases: int = 0
    least: int = 0
    most: int = 0
    method: str = "mixture for rates that may differ between cases, as run"

    def add(self, outcome: Outcome) -> None:
        broken: dict[str, int] = {}
        for signature, cases in outcome.violations.items():
            if self.invariant in (None, signature.invariant):
                broken[signature.invariant] = broken.get(signature.invariant, 0) + cases
        self.cases += outcome.cases
        self.least += max(broken.values(), default=0)
        self.most += min(sum(broken.values()), outcome.cases)

    def interval(self, unknown: int, level: float) -> Interval:
        n, each = self.cases + unknown, (1 + level) / 2
        return Interval(anytime_low(self.least, n, each), anytime_high(self.most + unknown, n, each))


@dataclass(slots=True)
class _Counted:
    """One family: share, cases, and its probes by value."""

    share: float
    cases: int = 0
    histogram: Histogram = field(default_factory=dict)


class QuantileFigure:
    """A quantile of one quantity by weight, over charged probes (in_flight: over cases)."""

    method = "beta-binomial mixture at the quantile, by weight"

    def __init__(self, shares: Mapping[str, float], quantity: Quantity, q: float) -> None:
        self.families = {name: _Counted(share) for name, share in shares.items()}
        self.quantity, self.q = quantity, q

    def add(self, outcome: Outcome) -> None:
        family = self.families[outcome.family]
        family.cases += outcome.cases
        for value, number in outcome.histograms.get(self.quantity.histogram, {}).items():
            family.histogram[value] = family.histogram.get(value, 0) + number

    def interval(self, unknown: int, level: float) -> Interval:
        families = self.families.values()
        if unknown or not any(family.histogram for family in families):
            return UNKNOWN
        found = quantile_interval([Stratum(f.share, f.cases, f.histogram) for f in families], self.q, level)
        low, high = (None if end is None else end / self.quantity.scale for end in (found.low, found.high))
        return Interval(low, high)


class AveragedQuantileFigure:
    """A quantile of waste or of its share by weight, over every charged allocation of a case.

    Values above `most` take no part below it: a quantile that lies there leaves the upper end open.
    """

    method = "empirical Bernstein sequence at the quantile, averages of cases, by weight"

    def __init__(self, shares: Mapping[str, float], quantity: Quantity, q: float, most: int) -> None:
        self.families = {name: QuantileSequence(share, most) for name, share in shares.items()}
        self.histogram, self.q = quantity.histogram, q

    def add(self, outcome: Outcome) -> None:
        self.families[outcome.family].add(averages_in(outcome, self.histogram), outcome.cases)

    def interval(self, unknown: int, level: float) -> Interval:
        families = list(self.families.values())
        if unknown or not any(family.at.charged for family in families):
            return UNKNOWN
        return averaged_quantile_interval(families, self.q, level)


class MeanFigure:
    """The mean of waste or of its share of the precharge in percent, by weight, over every charged
    allocation of a case.

    Waste is bounded: the precharge is ceil((payload + metadata) / page) + N and the payload uses at least
    ceil(payload / page) pages, so what is wasted is at most N + 1 and the metadata's pages: an entry of at most 16
    bytes for 4 bytes of an area of 8 pages. A variant that wastes more leaves the mean open.
    """

    method = "empirical Bernstein sequence, by weight"

    def __init__(self, shares: Mapping[str, float], quantity: Quantity, nodes: Mapping[str, int]) -> None:
        self.histogram = quantity.histogram
        self.parts = {
            name: (share, MeanSequence(float(watched_most(quantity, nodes[name])))) for name, share in shares.items()
        }
        self.out_of_range = False

    def add(self, outcome: Outcome) -> None:
        try:
            self.parts[outcome.family][1].add(averages_in(outcome, self.histogram), outcome.cases)
        except ValueError:
            self.out_of_range = True

    def interval(self, unknown: int, level: float) -> Interval:
        parts = list(self.parts.values())
        if unknown or self.out_of_range or not all(part.cases for _, part in parts):
            return UNKNOWN
        return mean_interval(parts, level)


@dataclass(slots=True)
class _Fitting:
    """One family: of its cases, probes that fit by the pages they use, and those of them that fail all the same."""

    share: float
    cases: int = 0
    fitting: int = 0
    failing: int = 0


class SpuriousFigure:
    """Of the probes that fit into a headroom by the pages they use, the share that the precharge makes fail."""

    method = "beta-binomial mixture, by weight"

    def __init__(self, shares: Mapping[str, float], pages: int) -> None:
        self.families = {name: _Fitting(share) for name, share in shares.items()}
        self.pages = pages

    def add(self, outcome: Outcome) -> None:
        family = self.families[outcome.family]
        failing, passing = counted(outcome.histograms.get(PRECHARGE_USED, {}), self.pages)
        family.cases += outcome.cases
        family.fitting += failing + passing
        family.failing += failing

    def interval(self, unknown: int, level: float) -> Interval:
        families = self.families.values()
        if unknown or not any(family.fitting for family in families):
            return UNKNOWN
        return ratio_interval([(f.share, f.cases, f.fitting, f.failing) for f in families], level)
