"""What a page is made of: sections of words, tables, figures and lines. Knows nothing of campaigns nor of HTML."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text, every row as long as the head; the first `left` columns stand to the left, `prose` may wrap."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1
    caption: str = ""
    prose: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with what it counts (n, interval, stopping rule); keys: (class, words) of its lines.

    command: the line that makes it again, where that is not the page's.
    """

    title: str
    picture: Markup
    caption: str
    keys: tuple[tuple[str, str], ...] = ()
    scrolls: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page. command: a line for a shell; lines: text as it stands; folded: opened by the reader."""

    name: str
    title: str
    words: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    command: str = ""
    lines: tuple[str, ...] = ()
    parts: tuple[Section, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A report: title, verdict, whether something was violated, the line that runs it again, sections."""

    title: str
    verdict: str
    violated: bool
    command: str
    sections: tuple[Section, ...]
