"""Lanes as SVG: a column a CPU, a row a step, set in letters of one width so that columns of text are places."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from percpu_fuzz.reports.numbers import plain
from percpu_fuzz.reports.render.lanes import Lanes, Piece, row_text
from percpu_fuzz.reports.render.svg import coordinate, element, picture, words

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
