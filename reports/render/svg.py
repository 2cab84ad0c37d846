"""Inline SVG by hand: elements, axes, steps and bands. No script, no address; colours are the page's, by class."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from percpu_fuzz.reports.numbers import plain

PICTURE_WIDTH = 360  # user units: a picture is as wide as a phone, so that its letters stay readable there
HEIGHT = 216
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 30, 36
TICKS_MOST = 6
NAMES_MOST = 9

Step = tuple[float, float]
BandStep = tuple[float, float, float]


def coordinate(value: float) -> str:
    """A coordinate with at most one decimal, the same on every machine."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def element(name: str, *content: str, **attributes: str | float | None) -> Markup:
    """An element; attribute names take '-' for '_', None leaves one out, text and values are escaped."""
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(value) if isinstance(value, str) else coordinate(value)}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join(part if isinstance(part, Markup) else escape(plain(part)) for part in content)
    return Markup(f"<{name}{''.join(parts)}>{inner}</{name}>" if content else f"<{name}{''.join(parts)}/>")


def words(x: float, y: float, text: str, kind: str = "tick", anchor: str = "start") -> Markup:
    """Text at a place; its size is that of its kind."""
    return element("text", text, x=x, y=y, class_=kind, text_anchor=None if anchor == "start" else anchor)


def picture(
    label: str, marks: Iterable[str], width: float = PICTURE_WIDTH, height: float = HEIGHT, scale: float | None = None
) -> Markup:
    """A whole picture; `label` is what a screen reader says. With a scale it keeps its size instead of its place's."""
    box = f"0 0 {coordinate(width)} {coordinate(height)}"
    size = None if scale is None else width * scale
    return element("svg", element("title", label), *marks, viewBox=box, width=size, role="img", class_="picture")


@dataclass(frozen=True, slots=True)
class Axis:
    """Values low..high laid over start..end; log: by log2(1 + value), so that 0 has a place."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, kept within the axis."""
        low, high, inner = self._of(self.low), self._of(self.high), self._of(min(max(value, self.low), self.high))
        return self.start + (self.end - self.start) * ((inner - low) / (high - low) if high > low else 0.5)

    def _of(self, value: float) -> float:
        return math.log2(1 + value) if self.log else value

    def ticks(self) -> list[float]:
        """Round values within the axis, at most about TICKS_MOST."""
        if self.log:
            powers = [0.0, *(2.0**i for i in range(64) if self.low <= 2**i <= self.high)]
            every = math.ceil(len(powers) / (TICKS_MOST + 2))
            return [value for value in powers[::every] if self.low <= value <= self.high]
        step = round_step((self.high - self.low) / TICKS_MOST)
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `least`."""
    if least <= 0:
        return 1.0
    decade = 10.0 ** math.floor(math.log10(least))
    return float(next(decade * factor for factor in (1, 2, 5, 10) if decade * factor >= least * (1 - 1e-9)))


def x_axis(low: float, high: float, log: bool = False) -> Axis:
    """From low on the left to high on the right margin; an empty range is made 1 wide. log: by log2(1 + value)."""
    return Axis(low, high if high > low else low + 1, LEFT, PICTURE_WIDTH - RIGHT, log)


def y_axis(high: float, log: bool = False, height: float = HEIGHT) -> Axis:
    """From 0 at the bottom."""
    return Axis(0, high if high > 0 else 1, height - BOTTOM, TOP, log)


def tick_text(value: float) -> str:
    """1,000; 0.25; without zeros that say nothing."""
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.4g}"


def percent_text(value: float) -> str:
    """A share in percent with up to four significant digits: 12.5%."""
    return f"{100 * value:.4g}%"


def frame(
    x: Axis, y: Axis, x_title: str, y_title: str, *, percent: bool = False, names: Sequence[str] = ()
) -> list[Markup]:
    """Grid lines with their values, the axis line and the titles; names: of groups of width 1, in place of values."""
    marks = [words(0, 11, y_title, "axis")]
    for value in y.ticks():
        marks.append(element("line", x1=x.start, x2=x.end, y1=y.at(value), y2=y.at(value), class_="grid"))
        text = percent_text(value) if percent else tick_text(value)
        marks.append(words(x.start - 4, y.at(value) + 4, text, anchor="end"))
    every = -(-len(names) // NAMES_MOST)
    for i, name in enumerate(names):
        if i % every == 0:
            marks.append(words(x.at(i + 0.5), y.start + 15, name, anchor="middle"))
    for value in [] if names else x.ticks():
        marks.append(element("line", x1=x.at(value), x2=x.at(value), y1=y.start, y2=y.start + 4, class_="base"))
        marks.append(words(x.at(value), y.start + 15, tick_text(value), anchor="middle"))
    marks.append(element("line", x1=x.start, x2=x.end, y1=y.start, y2=y.start, class_="base"))
    return [*marks, words((x.start + x.end) / 2, y.start + 30, x_title, "axis", "middle")]


def steps(x: Axis, y: Axis, points: Sequence[Step], kind: str) -> Markup:
    """A line that holds each value until the next place, and the last one to the end of the axis."""
    if not points:
        return Markup("")
    parts = [f"M{coordinate(x.at(points[0][0]))} {coordinate(y.at(points[0][1]))}"]
    for place, value in points[1:]:
        parts.append(f"H{coordinate(x.at(place))}V{coordinate(y.at(value))}")
    return element("path", d="".join(parts) + f"H{coordinate(x.end)}", class_=f"line {kind}")


def band(x: Axis, y: Axis, points: Sequence[BandStep], kind: str) -> Markup:
    """The area between the steps of the lower and of the upper ends (place, low, high)."""
    if not points:
        return Markup("")
    ends = [*(place for place, _, _ in points[1:]), None]
    forth = [f"M{coordinate(x.at(points[0][0]))} {coordinate(y.at(points[0][2]))}"]
    back: list[str] = []
    for (place, low, high), end in zip(points, ends, strict=True):
        right = coordinate(x.end if end is None else x.at(end))
        forth.append(f"V{coordinate(y.at(high))}H{right}")
        back.append(f"V{coordinate(y.at(low))}H{coordinate(x.at(place))}")
    return element("path", d="".join(forth) + "".join(reversed(back)) + "Z", class_=f"band {kind}")


def marker(x: Axis, y: Axis, value: float, text: str) -> list[Markup]:
    """A dashed upright line with its words at the top, on the side where there is room."""
    place = x.at(value)
    left_side = place > (x.start + x.end) / 2
    line = element("line", x1=place, x2=place, y1=y.end - 12, y2=y.start, class_="mark")
    spot = place + (-4 if left_side else 4)
    return [line, words(spot, y.end - 4, text, "note", "end" if left_side else "start")]
