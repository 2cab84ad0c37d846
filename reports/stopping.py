"""--stop: a criterion on one figure of the measurement stream, and the sequence that watches it batch by batch.

Intervals hold at every look (reports.sequences), joined over families by Bonferroni's inequality as those of the
report are (reports.strata); so one may stop as soon as one likes what one sees.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.base import INVARIANT_NAMES
from engine.errors import InputError
from engine.outcome import Histogram, Outcome
from reports.campaign import UNKNOWN_FAMILY
from reports.sequences import ANYTIME, MeanSequence
from reports.statistics import LEVEL, Interval
from reports.strata import Stratum, pooled_quantile, pooled_rate

WHERE = "--stop"
HISTOGRAMS = {
    "waste": "waste_pages",
    "share": "share_percent",
    "misplaced": "misplaced_bytes",
    "in_flight": "in_flight_pages",
}
METADATA_PAGES = 8 // 4 * 16
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
FORM = re.compile(
    r"(?:(?P<ci>ci)\((?P<inner>[^()]*(?:\([^()]*\))?)\)|(?P<plain>[^<>=]+?))\s*(?P<op><=|>=|<|>)\s*"
    r"(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?)\s*(?:@\s*(?P<level>0?\.[0-9]+))?"
)


def figures() -> list[str]:
    """Every figure's name."""
    of_values = [f"{q} {name}" for q in QUANTILES for name in HISTOGRAMS]
    return ["mean waste", *of_values, *(f"rate({name})" for name in INVARIANT_NAMES)]


def stop_help() -> str:
    """What may stand in a criterion, for the help of `run`."""
    return (
        "End once a criterion is met, or with exit status 4: FIGURE OP NUMBER [@ LEVEL], such as "
        "'ci(p99 waste) < 0.5 @ 0.95' or 'rate(I1) < 1e-5'. Figures: mean waste; p50, p90, p99, p999 of "
        f"{', '.join(HISTOGRAMS)}; rate(I1) and so on. ci(FIGURE) is the width of its interval. Ops: <, <=, >, >=; "
        "an upper end must be below NUMBER, a lower end above it. The interval holds at every look."
    )


@dataclass(frozen=True, slots=True)
class Criterion:
    """figure: a name of figures(); width: whether the interval's width is meant; op: "<", "<=", ">" or ">="."""

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
        raise InputError(WHERE, repr(text), "FIGURE OP NUMBER [@ LEVEL], such as 'ci(p99 waste) < 0.5 @ 0.95'")
    named = " ".join((found["inner"] or found["plain"] or "").split())
    if named not in figures():
        near = difflib.get_close_matches(named, figures(), 1)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        raise InputError(WHERE, f"no figure {named!r}", f"mean waste, p99 waste, rate(I1), ...{hint}")
    width = found["ci"] is not None
    if width and found["op"].startswith(">"):
        raise InputError(WHERE, repr(text), "< or <= for the width of an interval")
    level = float(found["level"]) if found["level"] else LEVEL
    if not 0.5 <= level <= 0.9999:
        raise InputError(WHERE, f"level {level:g}", "a level from 0.5 to 0.9999")
    return Criterion(text.strip(), named, width, found["op"], float(found["number"]), level)


@dataclass(slots=True)
class _Family:
    share: float
    most: float
    cases: int = 0
    histogram: Histogram = field(default_factory=dict)
    violating: int = 0
    sequence: MeanSequence | None = None


class Watch:
    """Takes the measurement stream's outcomes in order and says whether the criterion is met.

    weights: of the families; nodes: the most nodes of any machine of each, which bounds wasted pages. The precharge is
    ceil((payload + metadata) / page) + N and the payload uses at least ceil(payload / page) pages, so what is wasted
    is at most N + 1 and the metadata's pages: an entry of at most 16 bytes for 4 bytes of an area of 8 pages.
    """

    def __init__(self, criterion: Criterion, weights: Mapping[str, int], nodes: Mapping[str, int]) -> None:
        self.criterion = criterion
        total = sum(weights.values())
        self.families = {
            name: _Family(weight / total, float(nodes[name] + 1 + METADATA_PAGES)) for name, weight in weights.items()
        }
        self.unknown = 0
        for family in self.families.values():
            family.sequence = MeanSequence(family.most)

    def add(self, outcome: Outcome) -> None:
        """Take in the next batch of the measurement stream."""
        if outcome.family == UNKNOWN_FAMILY:
            self.unknown += outcome.cases
            return
        family = self.families[outcome.family]
        family.cases += outcome.cases
        figure = self.criterion.figure
        if figure.startswith("rate("):
            name = figure[5:-1]
            family.violating += sum(n for s, n in outcome.violations.items() if s.invariant == name)
            return
        batch = outcome.histograms.get(HISTOGRAMS[figure.split()[1]], {})
        for value, number in batch.items():
            family.histogram[value] = family.histogram.get(value, 0) + number
        if figure == "mean waste" and family.sequence is not None:
            family.sequence.add(batch, outcome.cases)

    def interval(self) -> Interval:
        """Of the figure now; open ends where nothing bounds it."""
        families, figure, level = self.families.values(), self.criterion.figure, self.criterion.level
        if self.unknown or any(family.cases == 0 for family in families):
            return Interval(None, None)  # what an unknown batch would have shown nobody knows
        if figure.startswith("rate("):
            return pooled_rate([(f.share, f.cases, f.violating) for f in families], level, ANYTIME).interval
        if figure == "mean waste":
            return self._mean(level)
        strata = [Stratum(f.share, f.cases, f.histogram) for f in families]
        found = pooled_quantile(strata, QUANTILES[figure.split()[0]], level, ANYTIME)
        return Interval(None, None) if found is None else found.interval

    def _mean(self, level: float) -> Interval:
        """Waste per case over charged probes per case: both bounded in each family, joined by Bonferroni."""
        families = list(self.families.values())
        tail = (1 - level) / 4 / len(families)
        low = high = charged_low = charged_high = 0.0
        for family in families:
            assert family.sequence is not None
            mean, half = family.sequence.total / family.cases, family.sequence.half(tail)
            low += family.share * max(0.0, mean - half)
            high += family.share * min(family.most, mean + half)
            charged = sum(family.histogram.values())
            charged_low += family.share * ANYTIME.low(charged, family.cases, tail)
            charged_high += family.share * ANYTIME.high(charged, family.cases, tail)
        return Interval(low / charged_high, high / charged_low if charged_low > 0 else None)

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
        """The figure's interval now, in one line."""
        interval = self.interval()
        low, high = ("-" if end is None else f"{end:.6g}" for end in (interval.low, interval.high))
        cases = sum(family.cases for family in self.families.values())
        unknown = f", {self.unknown} cases unknown" if self.unknown else ""
        return (
            f"{self.criterion.figure} in [{low}, {high}] at {self.criterion.level:g}, whenever one looks; "
            f"{cases} measured cases{unknown}"
        )
