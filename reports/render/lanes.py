"""Lanes, as kernel commit messages draw them: a column a CPU, a row a step, what it changed beside it; text and SVG.

The picture is set in letters of one width, so that columns of text are places in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from percpu_fuzz.reports.lanes import Line
from percpu_fuzz.reports.numbers import plain
from percpu_fuzz.reports.render.svg import coordinate, element, picture, words

FIRST_COLUMN = 6
COLUMN_WIDTH = 26
PieceKind = Literal["number", "said", "change", "who", "broken"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text at a column of a row; kind: "said" are a step's words, "who" is a task or worker that takes over."""

    column: int
    text: str
    kind: PieceKind


LaneRow = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """cpus: (number, column) of each that steps; rows: in order."""

    cpus: tuple[tuple[int, int], ...]
    rows: tuple[LaneRow, ...]

    def head(self) -> str:
        """The line above the rows."""
        names = [Piece(column, f"CPU {cpu}", "said") for cpu, column in self.cpus]
        return row_text((Piece(0, "step", "number"), *names))


def laid_out(lines: Sequence[Line]) -> Lanes:
    """Each line a row, after one with a name where somebody else takes over on its CPU, before one a violation."""
    cpus = sorted({line.cpu for line in lines})
    columns = {cpu: FIRST_COLUMN + COLUMN_WIDTH * place for place, cpu in enumerate(cpus)}
    changes = FIRST_COLUMN + COLUMN_WIDTH * len(cpus)
    rows: list[LaneRow] = []
    who: dict[int, str] = {}
    for line in lines:
        if who.get(line.cpu) != line.who:
            rows.append((Piece(columns[line.cpu], line.who, "who"),))
            who[line.cpu] = line.who
        rows += _rows(line, columns[line.cpu], changes)
    return Lanes(tuple(columns.items()), tuple(rows))


def _rows(line: Line, column: int, changes_column: int) -> Iterator[LaneRow]:
    changes = [Piece(changes_column, str(change), "change") for change in line.changes]
    said = Piece(column, line.words, "said")
    yield (Piece(max(0, 4 - len(str(line.step))), str(line.step), "number"), said, *changes[:1])
    yield from ((change,) for change in changes[1:])
    for found in line.broken:
        words = f"{found.invariant} broken: expected {found.expected}, found {found.found}"
        yield (Piece(FIRST_COLUMN, words, "broken"),)


def row_text(row: LaneRow) -> str:
    """A row as a line of text."""
    text = ""
    for piece in row:
        shown = f"[{piece.text}]" if piece.kind == "who" else piece.text
        text = text.ljust(piece.column) + shown if piece.kind != "broken" else f"  >>  {shown}"
    return text.rstrip()


def lanes_text(lines: Sequence[Line]) -> list[str]:
    """The rows as lines of text below a head that names the CPUs."""
    lanes = laid_out(lines)
    return [lanes.head(), *map(row_text, lanes.rows)]


LETTER = 6.0  # width of a letter in user units, monospaced at font size 10
TALL = 15.0
SCALE = 1.2
ROWS_MOST = 240  # of a longer picture the end is drawn, where it breaks


def lanes_picture(label: str, lanes: Lanes) -> Markup:
    """The picture; label: what it is called where it cannot be seen."""
    kept = lanes.rows[-ROWS_MOST:]
    width = LETTER * (max(map(len, [lanes.head(), *(plain(row_text(row)) for row in kept)])) + 2)
    height = TALL * (len(kept) + 2)
    marks = [lane_mark(f"CPU {cpu}", column, height) for cpu, column in lanes.cpus]
    marks.append(words(0, TALL, "step", "lane-head"))
    for i, row in enumerate(kept):
        marks += row_marks(row, TALL * (i + 2) + 2, width)
    return picture(label, marks, width, height, SCALE)


def lane_mark(name: str, column: int, height: float) -> Markup:
    """A CPU's line from its name down."""
    x = LETTER * column - 4
    line = element("line", x1=x, x2=x, y1=TALL + 4, y2=height - 4, class_="lane")
    return line + words(LETTER * column, TALL, name, "lane-head")


def row_marks(row: Sequence[Piece], y: float, width: float) -> list[Markup]:
    """The pieces of a row; a violation on a ground of its own, a step with a stop in its lane."""
    marks = []
    for before, piece in zip((None, *row), row, strict=False):
        if piece.kind == "broken":
            marks.append(element("rect", x=0.0, y=y - TALL + 4, width=width, height=TALL, class_="broken-ground"))
        if before is not None and before.kind == "number":
            marks.append(element("circle", cx=LETTER * piece.column - 4, cy=y - 3.5, r=2.5, class_="stop"))
        marks.append(text_at(piece, y))
    return marks


def text_at(piece: Piece, y: float) -> Markup:
    """Monospaced text at its column, held to its width whatever font is there."""
    text = plain(piece.text)
    wide = coordinate(LETTER * len(text))
    return element("text", text, x=LETTER * piece.column, y=y, textLength=wide, class_=f"mono {piece.kind}")
