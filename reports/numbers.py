"""Plain text of at most 78 ASCII columns: numbers, wrapped lines, tables and bars. Knows nothing of campaigns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence

from percpu_fuzz.engine.shown import shown

WIDTH = 78
ROWS_MAX = 16


def number(value: int) -> str:
    """Thousands apart: 38,000."""
    return f"{value:,}"


def decimal(value: float | None, digits: int = 2) -> str:
    """A fixed number of decimals; '-' for what is not known, and no '-0.00'."""
    if value is None or math.isnan(value):
        return "-"
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text


def figure(value: float | None) -> str:
    """Two decimals below 100, one below 1,000, none above: enough, and the same width."""
    if value is None:
        return "-"
    return decimal(value, 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0)


def percent(share: float | None, decimals: int = 0) -> str:
    """A share in percent with two significant digits, and so many decimals at least; never with an exponent: 0.0012%.

    '-' for none.
    """
    if share is None:
        return "-"
    value = 100 * share
    if value in (0.0, 100.0):
        return f"{abs(value):.0f}%"
    decimals = max(decimals, 1 - math.floor(math.log10(abs(value))))
    while value < 100 and float(f"{value:.{decimals}f}") >= 100:  # what does not hold always is never written as 100%
        decimals += 1
    return f"{value:.{decimals}f}%"


def upper_percent(share: float | None, decimals: int = 0) -> str:
    """An upper bound in percent, rounded up so that the figure printed is one as well; '-' for none."""
    return "-" if share is None else _bound_percent(share, decimals, math.ceil)


def lower_percent(share: float | None, decimals: int = 0) -> str:
    """A lower bound in percent, rounded down so that the figure printed is one as well; '-' for none."""
    return "-" if share is None else _bound_percent(share, decimals, math.floor)


def decimals_within(low: float | None, high: float | None) -> int:
    """Decimals of percent that show two digits of an interval's width; 0 if an end is open."""
    if low is None or high is None or high <= low:
        return 0
    return max(0, 1 - math.floor(math.log10(100 * (high - low))))


def _bound_percent(share: float, decimals: int, to_integer: Callable[[float], int]) -> str:
    value = 100 * share
    if value in (0.0, 100.0):
        return f"{abs(value):.0f}%"
    decimals = max(decimals, 1 - math.floor(math.log10(abs(value))))
    scaled = round(value * 10**decimals, 9)  # 0.29 is 28.999999999999996 percent
    return f"{min(100.0, to_integer(scaled) / 10**decimals):.{decimals}f}%"


def share_words(share: float) -> str:
    """A family's share in percent: 8%, 0.5%."""
    return f"{100 * share:.3g}%"


def duration(seconds: float | None) -> str:
    """In the unit that says it best: 12 s, 3.4 min, 5.1 h, 2.3 days; '-' for unknown."""
    if seconds is None:
        return "-"
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "under 1 s"


def plural(count: int, noun: str) -> str:
    """1 node, 2,000 nodes: nouns that take an s."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def plain(text: object) -> str:
    """ASCII text of one line: what else a name from a file may hold is shown escaped."""
    return shown(str(text)).encode("ascii", "backslashreplace").decode()


def title(text: str) -> list[str]:
    """A line in ASCII and one of = below it, no longer than WIDTH."""
    return [plain(text), "=" * min(len(plain(text)), WIDTH)]


def heading(text: str) -> list[str]:
    """An empty line, the text as it is, and dashes below all of it."""
    return ["", text, "-" * len(text)]


def paragraph(text: str, indent: str = "") -> list[str]:
    """Wrapped to the width; a word that is too long is broken rather than let out."""
    return textwrap.wrap(plain(text), WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def command(line: str, indent: str = "  ") -> list[str]:
    """A command on one line, or continued with backslashes so that a shell takes it as pasted.

    It breaks before options only; a word longer than the width stays whole, since a broken name would not run.
    """
    groups: list[str] = []
    for word in plain(line).split(" "):
        if groups and not word.startswith("--"):
            groups[-1] += " " + word
        else:
            groups.append(word)
    lines, current = [], indent + groups[0]
    for group in groups[1:]:
        if len(current) + 1 + len(group) > WIDTH - 2:
            lines.append(current + " \\")
            current = indent + "    " + group
        else:
            current += " " + group
    return [*lines, current]


def table(rows: Sequence[Sequence[str]], left: int = 1, indent: str = "  ", gap: int = 2) -> list[str]:
    """Columns as wide as their widest cell; the first `left` columns to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + (" " * gap).join(cells)).rstrip())
    return lines


def bin_width(low: int, high: int, most: int = ROWS_MAX) -> int:
    """The smallest of 1, 2, 5, 10, 20, ... that covers low..high with at most so many bins."""
    decade = 1
    while True:
        for width in (decade, 2 * decade, 5 * decade):
            if high // width - low // width + 1 <= most:
                return width
        decade *= 10


def bars(histogram: Mapping[int, int], unit: str, indent: str = "  ") -> list[str]:
    """A bar for each value, or for each bin of equal width where there are many; what is there shows at least one #."""
    width = bin_width(min(histogram), max(histogram))
    first, last = min(histogram) // width, max(histogram) // width
    counted = [0] * (last - first + 1)
    for value, cases in histogram.items():
        counted[value // width - first] += cases
    names = [
        number(b * width) if width == 1 else f"{number(b * width)}..{number((b + 1) * width - 1)}"
        for b in range(first, last + 1)
    ]
    most = max(counted)
    head = [unit, "cases"]
    cells = [[name, number(cases)] for name, cases in zip(names, counted, strict=True)]
    name_width = max(len(row[0]) for row in [head, *cells])
    count_width = max(len(row[1]) for row in [head, *cells])
    room = WIDTH - len(indent) - name_width - count_width - 4
    lines = [f"{indent}{head[0]:>{name_width}}  {head[1]:>{count_width}}"]
    for (name, text), cases in zip(cells, counted, strict=True):
        bar = "#" * (0 if cases == 0 else max(1, cases * room // most))
        lines.append(f"{indent}{name:>{name_width}}  {text:>{count_width}}  {bar}".rstrip())
    return lines
