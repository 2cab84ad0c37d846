"""Lanes as rows of text, as kernel commit messages draw them: a column a CPU, a row a step, what it changed beside it.

Text and picture (lanes_picture.py) are made from the same pieces.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from percpu_fuzz.reports.lanes import Line

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
