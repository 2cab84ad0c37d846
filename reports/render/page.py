"""What a page is made of: sections of words, tables, figures and lines. Knows nothing of campaigns nor of a format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from percpu_fuzz.reports.numbers import bars, plain


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text, every row as long as the head; the first `left` columns are names and stand to the left.

    An empty head is left out: a table of two columns then lists names and what is said of them. prose: the column
    that may wrap. groups: the first column names a group of rows, in the first of them only. A text shows no more than
    the first `rows_text_max` rows; rows_left_out: how many there are beyond those given. Every format says the rest.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    caption: str = ""
    prose: int | None = None
    groups: bool = False
    rows_text_max: int | None = None
    rows_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Bars:
    """How many cases each value was counted in, for formats without pictures: a bar a value or bin. unit: of values."""

    unit: str
    histogram: Mapping[int, int]

    def lines(self, indent: str = "") -> list[str]:
        """As text."""
        return bars(self.histogram, plain(self.unit), indent)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with what it counts (n, interval, stopping rule); keys: (class, words) of its lines.

    command: the line that makes it again, where that is not the page's. bars: what text shows of it.
    """

    title: str
    picture: Markup
    caption: str
    keys: tuple[tuple[str, str], ...] = ()
    scrolls: bool = False
    command: str = ""
    bars: Bars | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page; read in this order: words, command, lines, tables, notes, figures, parts.

    command: a line for a shell; lines: text as it stands; columns: that no line of it is to be wrapped; notes: what the
    tables rest on; folded: opened by the reader. A part of a section is an entry: its title, and below it what belongs
    to it.
    """

    name: str
    title: str
    words: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    command: str = ""
    lines: tuple[str, ...] = ()
    parts: tuple[Section, ...] = ()
    folded: bool = False
    notes: tuple[str, ...] = ()
    columns: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A report: title, verdict, whether something was violated, the line that runs it again, sections; words: first."""

    title: str
    verdict: str
    violated: bool
    command: str
    sections: tuple[Section, ...]
    words: tuple[str, ...] = ()
