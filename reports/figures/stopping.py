"""--stop: a criterion on one figure of the measurement stream, and the sequence that watches it batch by batch.

Every interval is a confidence sequence: it holds at all looks at once, so one may stop as soon as one likes what one
sees. Batches are looked at in the order of their numbers, whose families and sizes are fixed beforehand; the unit is
the case. docs/statistics.md has the methods.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.reports.campaign import UNKNOWN_FAMILY
from percpu_fuzz.reports.figures.watched import (
    AveragedQuantileFigure,
    MeanFigure,
    QuantileFigure,
    RateFigure,
    SpuriousFigure,
    Watched,
    watched_most,
)
from percpu_fuzz.reports.quantities import QUANTITIES, SHARE, WASTE
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval

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
