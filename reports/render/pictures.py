"""The pictures of a report: distributions, curves with bands, heat map, ranges. Values in, SVG out."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.numbers import bin_width
from percpu_fuzz.reports.render.svg import (
    BOTTOM,
    LEFT,
    PICTURE_WIDTH,
    RIGHT,
    TOP,
    BandStep,
    band,
    element,
    frame,
    marker,
    percent_text,
    picture,
    steps,
    tick_text,
    words,
    x_axis,
    y_axis,
)

BARS_MOST = 32
SHADES = 8  # classes q0..q7 of the heat map


@dataclass(frozen=True, slots=True)
class Curve:
    """A line of class `kind`: (place, value, low, high) by place."""

    kind: str
    points: tuple[tuple[float, float, float, float], ...]

    def line(self) -> list[tuple[float, float]]:
        """(place, value) of its points."""
        return [(place, value) for place, value, _, _ in self.points]

    def band(self) -> list[BandStep]:
        """(place, low, high) of its points."""
        return [(place, low, high) for place, _, low, high in self.points]


def bins(shares: Mapping[int, float], most: int = BARS_MOST) -> tuple[int, dict[int, float]]:
    """Width of the bins, and the share of each by its lowest value; every bin from first to last."""
    width = bin_width(min(shares), max(shares), most)
    found = {b * width: 0.0 for b in range(min(shares) // width, max(shares) // width + 1)}
    for value, share in shares.items():
        found[value // width * width] += share
    return width, found


def distribution_picture(
    label: str, shares: Mapping[int, float], curve: Curve, x_title: str, bound: tuple[float, str] | None = None
) -> Markup:
    """Bars of shares and, on the same axis, the shares at or below each value with their band.

    A bar stands on the value that it counts (or on its bin); bound: a value that nothing should lie below.
    """
    width, found = bins(shares)
    low = min([0.0, *found, *([bound[0]] if bound else [])]) if min(found) < 4 * width else float(min(found))
    x = x_axis(low - width * 0.7, max(found) + width * (0.8 if width == 1 else 1.1))
    y = y_axis(1.0)
    bar = (x.at(width) - x.at(0)) * 0.8 if x.low <= 0 else (x.at(x.low + width) - x.at(x.low)) * 0.8
    shift = 0.0 if width == 1 else width / 2
    marks = frame(x, y, x_title, "share of probes", percent=True)
    for value, share in found.items():
        name = tick_text(value) if width == 1 else f"{tick_text(value)} to {tick_text(value + width - 1)}"
        place = x.at(value + shift) - bar / 2
        if share > 0:
            top = min(y.at(share), y.start - 1)
            note = f"{name}: {percent_text(float(f'{share:.3g}'))}"
            marks.append(upright(note, place, top, max(bar, 1.0), y.start))
    marks += [band(x, y, curve.band(), curve.kind), steps(x, y, curve.line(), curve.kind)]
    if bound and bound[0] >= x.low:  # far below all values it has no place on this axis
        marks += marker(x, y, bound[0] - 0.5 if width == 1 else bound[0], bound[1])
    return picture(label, marks)


def upright(note: str, left: float, top: float, width: float, bottom: float, kind: str = "bar") -> Markup:
    """A bar that says what it stands for."""
    return element("rect", element("title", note), x=left, y=top, width=width, height=bottom - top, class_=kind)


def curves_picture(
    label: str, curves: Sequence[Curve], titles: tuple[str, str], *, log: bool = False, percent: bool = False
) -> Markup:
    """Step curves with bands; titles: of x and of y."""
    places = [place for curve in curves for place, *_ in curve.points]
    tops = [max(value, 0.0 if percent else high) for curve in curves for _, value, _, high in curve.points]
    x = x_axis(min([0.0, *places]), max([1.0, *places]) * (1.0 if log else 1.02), log)
    y = y_axis(1.0 if percent else max([1.0, *tops]) * 1.05)
    marks = frame(x, y, *titles, percent=percent)
    marks += [band(x, y, curve.band(), curve.kind) for curve in curves]
    marks += [steps(x, y, curve.line(), curve.kind) for curve in curves]
    return picture(label, marks)


def bars_picture(label: str, rows: Sequence[tuple[str, int]], x_title: str, y_title: str) -> Markup:
    """A bar for each (name, number), in the order given."""
    x, y = x_axis(0, len(rows)), y_axis(max([1, *(number for _, number in rows)]) * 1.08)
    marks = frame(x, y, x_title, y_title, names=[name for name, _ in rows])
    room = x.at(1) - x.at(0)
    for i, (name, number) in enumerate(rows):
        top = min(y.at(number), y.start - 1) if number else y.start
        marks.append(upright(f"{name}: {number:,}", x.at(i) + room * 0.1, top, room * 0.8, y.start))
    return picture(label, marks)


@dataclass(frozen=True, slots=True)
class NodeBar:
    """A node's pages in bytes, and the bytes of them that are charged."""

    name: str
    held: int
    filled: int


def nodes_picture(label: str, bars: Sequence[NodeBar], titles: tuple[str, str]) -> Markup:
    """For each node a light bar of its pages and in it a dark one of the bytes charged."""
    x = x_axis(0, len(bars))
    y = y_axis(max([1, *(max(bar.held, bar.filled) for bar in bars)]) * 1.08)
    marks = frame(x, y, *titles, names=[bar.name for bar in bars])
    room = x.at(1) - x.at(0)
    for i, bar in enumerate(bars):
        note = f"node {bar.name}: {bar.held:,} bytes of pages, {bar.filled:,} bytes charged"
        middle = x.at(i) + room / 2
        for size, wide, kind in (
            (bar.held, min(0.8 * room, 90.0), "bar"),
            (bar.filled, min(0.5 * room, 56.0), "filled"),
        ):
            marks.append(upright(note, middle - wide / 2, y.at(max(size, 0)), wide, y.start, kind))
        label_ = f"{bar.filled:,} of {bar.held:,}"
        marks.append(words(middle, y.at(max(bar.held, bar.filled)) - 4, label_, "small", "middle"))
    return picture(label, marks)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A cell of a heat map: column, row, value, its words and those below them, and whether it rests on few cases."""

    column: int
    row: int
    value: float
    text: str
    note: str
    weak: bool
    below: str = ""


def heat_picture(
    label: str, columns: Sequence[str], rows: Sequence[str], cells: Sequence[HeatCell], titles: tuple[str, str]
) -> Markup:
    """Columns from the left, rows from the top; the shade grows with the value's rank: one huge cell hides no other."""
    values = sorted({cell.value for cell in cells})
    side, tall = (PICTURE_WIDTH - LEFT - 2) / len(columns), 32.0
    height = TOP + tall * len(rows) + BOTTOM
    marks = [
        words(0, 11, titles[1], "axis"),
        words((PICTURE_WIDTH + LEFT) / 2, height - 5, titles[0], "axis", "middle"),
    ]
    for i, name in enumerate(rows):
        marks.append(words(LEFT - 4, TOP + tall * i + 20, name, anchor="end"))
    for i, name in enumerate(columns):
        marks.append(words(LEFT + side * (i + 0.5), height - 21, name, "small", "middle"))
    for cell in cells:
        left, top = LEFT + side * cell.column, TOP + tall * cell.row
        shade = shade_of(values, cell.value)
        box = element(
            "rect", element("title", cell.note), x=left + 1, y=top + 1, width=side - 2, height=tall - 2,
            class_=f"q{shade}" + (" weak" if cell.weak else ""),
        )  # fmt: skip
        tone = f"cell on{shade}"
        marks += [box, words(left + side / 2, top + 14, cell.text, tone, "middle")]
        if cell.below:
            marks.append(words(left + side / 2, top + 26, cell.below, f"{tone} small", "middle"))
    return picture(label, marks, height=height)


def shade_of(values: Sequence[float], value: float) -> int:
    """0 for the least of the distinct values, ascending, SHADES - 1 for the largest."""
    return (SHADES - 1) * bisect_left(values, value) // max(1, len(values) - 1)


@dataclass(frozen=True, slots=True)
class MedianRange:
    """Median, least and most of a group, of the series of class `kind` at position `turn` of `turns`."""

    group: int
    kind: str
    turn: int
    median: float
    least: float
    most: float
    note: str


def ranges_picture(
    label: str, groups: Sequence[str], ranges: Sequence[MedianRange], turns: int, titles: tuple[str, str]
) -> Markup:
    """A dot for each median on a line from least to most; the y axis is log2(1 + y)."""
    x, y = x_axis(0, len(groups)), y_axis(max([1.0, *(r.most for r in ranges)]), log=True)
    marks = frame(x, y, *titles, names=groups)
    room = (PICTURE_WIDTH - LEFT - RIGHT) / len(groups)
    for r in ranges:
        place = x.at(r.group + 0.5) + (r.turn - (turns - 1) / 2) * min(14.0, room / (turns + 1))
        ends = element("line", x1=place, x2=place, y1=y.at(r.least), y2=y.at(r.most), class_=f"range {r.kind}")
        dot = element("circle", element("title", r.note), cx=place, cy=y.at(r.median), r=4, class_=f"dot {r.kind}")
        marks += [ends, dot]
    return picture(label, marks)


def dkw_curve(histogram: Histogram, half: float, kind: str = "s2") -> Curve:
    """The empirical distribution function of a histogram, half a band's width about it."""
    n, below, points = sum(histogram.values()), 0, []
    for value, number in sorted(histogram.items()):
        below += number
        points.append((float(value), below / n, max(0.0, below / n - half), min(1.0, below / n + half)))
    return Curve(kind, tuple(points))
