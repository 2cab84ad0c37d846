"""--stop: a criterion on one figure of the measurement stream, and the sequence that watches it batch by batch.

Every interval is a confidence sequence: it holds at all looks at once, so one may stop as soon as one likes what one
sees. Batches are looked at in the order of their numbers, whose families and sizes are fixed beforehand; the unit is
the case. docs/statistics.md has the methods.

Rates of invariants are those of the measured cases as they are run, as in the certificate: with machines of a thousand
nodes, of which few cases can be run, a rate by weight would stay open for hours. All else is by weight.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import PRECHARGE_USED, Histogram, Outcome
from percpu_fuzz.reports.campaign import UNKNOWN_FAMILY
from percpu_fuzz.reports.figures.families import averages_in
from percpu_fuzz.reports.figures.headroom import counted
from percpu_fuzz.reports.quantities import METADATA_PAGES, QUANTITIES, SHARE, WASTE, Quantity
from percpu_fuzz.reports.statistics.anytime import anytime_high, anytime_low
from percpu_fuzz.reports.statistics.anytime_averaged_quantile import QuantileSequence, averaged_quantile_interval
from percpu_fuzz.reports.statistics.anytime_mean import MeanSequence, mean_interval
from percpu_fuzz.reports.statistics.anytime_quantile import quantile_interval
from percpu_fuzz.reports.statistics.anytime_ratio import ratio_interval
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval
from percpu_fuzz.reports.statistics.strata import Stratum

WHERE = "--stop"
NAMED = {q.criterion: q for q in QUANTITIES.values()}
NAMED_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
MEANS = (WASTE.criterion, SHARE.criterion)  # what has a largest value that is known beforehand
ANY = "any"
FORM = re.compile(
    r"(?:(?P<ci>ci)\s*\((?P<inner>[^()]*(?:\([^()]*\))?\s*)\)|(?P<plain>[^<>]+?))\s*(?P<op><=|>=|<|>)\s*"
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*(?:@\s*(?P<level>0?\.[0-9]+))?"
)
CALLED = re.compile(r"(mean|p\d+) ?\( ?(\w+) ?\)")  # "mean(waste)", as good as "mean waste"
SPURIOUS = re.compile(r"rate\(spurious h ?= ?(?P<pages>\d{1,6})\)")
EXAMPLE = "'ci(p99 waste) < 0.5 @ 0.95'"
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


def figure_names() -> list[str]:
    """Every figure's name; of spurious failures those with 4 pages of headroom, which stand for any number."""
    of_values = [f"{q} {name}" for q in NAMED_QUANTILES for name in NAMED]
    of_rates = [f"rate({name})" for name in (*INVARIANT_NAMES, ANY, "spurious h=4")]
    return [*(f"mean {name}" for name in MEANS), *of_values, *of_rates]


def stop_help() -> str:
    """What may stand in a criterion, for the help of `run`."""
    return (
        f"End once a criterion is met, or with exit status 4: FIGURE OP NUMBER [@ LEVEL], such as {EXAMPLE} or "
        f"'rate(I1) < 1e-5'. Figures: mean of {', '.join(MEANS)}; {', '.join(NAMED_QUANTILES)} of {', '.join(NAMED)}; "
        "rate(I1) and so on, rate(any) violation, rate(spurious h=4) with 4 pages of headroom. ci(FIGURE) is the width "
        "of its interval. Ops: <, <=, >, >=; an upper end must be below NUMBER, a lower end above it. The interval "
        "holds at every look."
    )


@dataclass(frozen=True, slots=True)
class Criterion:
    """figure: a name of figure_names(); width: whether the interval's width is meant; op: "<", "<=", ">" or ">="."""

    text: str
    figure: str
    width: bool
    op: str
    number: float
    level: float = LEVEL


def parse_stop(text: str) -> Criterion:
    """A criterion from what was typed. InputError says what is wrong."""
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise InputError(WHERE, repr(text), f"FIGURE OP NUMBER [@ LEVEL], such as {EXAMPLE}")
    named = figure_name(found["inner"] or found["plain"] or "")
    width = found["ci"] is not None
    if width and found["op"].startswith(">"):
        raise InputError(WHERE, repr(text), "< or <= for the width of an interval")
    number, level = float(found["number"]), float(found["level"] or LEVEL)
    if not math.isfinite(number):
        raise InputError(WHERE, f"number {found['number']}", "a number that is not so large")
    if not 0.5 <= level <= 0.9999:
        raise InputError(WHERE, f"level {level:g}", "a level from 0.5 to 0.9999")
    return Criterion(text.strip(), named, width, found["op"], number, level)


def figure_name(typed: str) -> str:
    """The name of a figure as figure_names() has it. InputError names the nearest."""
    named = " ".join(typed.split())
    called = CALLED.fullmatch(named)
    named = f"{called[1]} {called[2]}" if called else named
    spurious = SPURIOUS.fullmatch(named)
    if spurious:
        return f"rate(spurious h={int(spurious['pages'])})"
    if named not in figure_names():
        near = difflib.get_close_matches(named, figure_names(), 1)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise InputError(WHERE, f"no figure {named!r}", f"mean waste, p99 waste, rate(I1), rate(any), ...{hint}")
    return named


def watched(criterion: Criterion, weights: Mapping[str, int], nodes: Mapping[str, int]) -> Watched:
    """What keeps the criterion's figure."""
    total = sum(weights.values())
    shares = {name: weight / total for name, weight in weights.items()}
    name = criterion.figure
    spurious = SPURIOUS.fullmatch(name)
    if spurious:
        return SpuriousFigure(shares, int(spurious["pages"]))
    if name.startswith("rate("):
        return RateFigure(None if name[5:-1] == ANY else name[5:-1])
    kind, quantity = name.split()
    if kind == "mean":
        return MeanFigure(shares, NAMED[quantity], nodes)
    if quantity in MEANS:
        most = max(watched_most(NAMED[quantity], nodes[name]) for name in shares)
        return AveragedQuantileFigure(shares, NAMED[quantity], NAMED_QUANTILES[kind], most)
    return QuantileFigure(shares, NAMED[quantity], NAMED_QUANTILES[kind])


class Watch:
    """Takes the measurement stream's outcomes in order and says whether the criterion is met.

    weights: of the families; nodes: the most possible nodes of any machine of each, which bounds wasted pages.
    """

    def __init__(self, criterion: Criterion, weights: Mapping[str, int], nodes: Mapping[str, int]) -> None:
        self.criterion = criterion
        self.figure = watched(criterion, weights, nodes)
        self.cases = self.unknown = 0

    def add(self, outcome: Outcome) -> None:
        """Take in the next batch of the measurement stream."""
        self.cases += outcome.cases
        if outcome.family == UNKNOWN_FAMILY:
            self.unknown += outcome.cases
        else:
            self.figure.add(outcome)

    def interval(self) -> Interval:
        """Of the figure now; open ends where nothing bounds it."""
        return self.figure.interval(self.unknown, self.criterion.level)

    def met(self) -> bool:
        """Whether the criterion holds now."""
        criterion, interval = self.criterion, self.interval()
        if criterion.op.startswith(">"):
            value = interval.low
        elif criterion.width:
            value = None if interval.low is None or interval.high is None else interval.high - interval.low
        else:
            value = interval.high
        if value is None:
            return False
        number = criterion.number
        return {"<": value < number, "<=": value <= number, ">": value > number, ">=": value >= number}[criterion.op]

    def __str__(self) -> str:
        """The figure's interval now, in one line: what of, at which level, of how many cases, by which method."""
        interval = self.interval()
        low, high = ("-" if end is None else f"{end:.6g}" for end in (interval.low, interval.high))
        unknown = f" ({self.unknown} unknown)" if self.unknown else ""
        return (
            f"{self.criterion.figure} in [{low}, {high}] at {self.criterion.level:g}, whenever one looks; "
            f"{self.cases} measured cases{unknown}; {self.figure.method}"
        )
