"""Any page as Markdown, without its pictures; every cell and word from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from percpu_fuzz.reports.numbers import number, plain
from percpu_fuzz.reports.render.page import Figure, Page, Section, Table

SPECIAL = re.compile(r"[\\`*_\[\]<>#|~$&]|:(?=//)")
LEADING = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")


def page_markdown(page: Page) -> str:
    """The whole page, ending in a newline. ASCII; equal pages give equal bytes."""
    blocks = [f"# {escaped(page.title)}", f"**{escaped(page.verdict)}**", *map(escaped_block, page.words)]
    if page.command:
        blocks.append(fenced([page.command], "sh"))
    for section in page.sections:
        blocks += section_blocks(section, 2)
    return "\n\n".join(blocks) + "\n"


def section_blocks(section: Section, level: int) -> list[str]:
    """Heading, words, command, lines, tables, notes, figures and parts."""
    blocks = [f"{'#' * level} {escaped(section.title)}"]
    blocks += [escaped_block(words) for words in section.words]
    if section.command:
        blocks.append(fenced([section.command], "sh"))
    if section.lines:
        blocks.append(fenced(section.lines))
    for table in section.tables:
        blocks += table_blocks(table)
    blocks += [escaped_block(words) for words in section.notes]
    blocks += figure_blocks(section.figures)
    for part in section.parts:
        blocks += section_blocks(part, level + 1)
    return blocks


def figure_blocks(figures: Sequence[Figure]) -> list[str]:
    """Bars as a block; of a picture its name and what it counts."""
    blocks = []
    drawn = [f"- {escaped(figure.title)}: {escaped(figure.caption)}" for figure in figures if figure.bars is None]
    if drawn:
        blocks += ["Drawn in report.html:", "\n".join(drawn)]
    for figure in figures:
        if figure.bars is not None and figure.bars.histogram:
            blocks += [escaped_block(f"{figure.title}: {figure.caption}"), fenced(figure.bars.lines())]
    return blocks


def table_blocks(table: Table) -> list[str]:
    """Caption, rows, and how many more there are."""
    if not table.rows:
        return []
    rule = [":--" if i < table.left else "--:" for i in range(len(table.head))]
    rows = [row_line(table.head), f"| {' | '.join(rule)} |", *map(row_line, table.rows)]
    more = [f"and {number(table.rows_left_out)} more"] if table.rows_left_out else []
    return [*([escaped_block(table.caption)] if table.caption else []), "\n".join(rows), *more]


def row_line(cells: Sequence[str]) -> str:
    """A line of a table, its cells escaped."""
    return f"| {' | '.join(map(escaped, cells))} |"


def escaped(text: str) -> str:
    """Text within a line that no Markdown reader takes for markup, HTML or a link."""
    return SPECIAL.sub(r"\\\g<0>", " ".join(plain(text).split()))


def escaped_block(text: str) -> str:
    """A block of escaped text that begins no list, heading or rule."""
    return LEADING.sub(r"\1\\\2", escaped(text))


def fenced(lines: Sequence[str], language: str = "") -> str:
    """Lines as they stand, in a fence longer than any run of backticks in them."""
    shown = [plain(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence + language, *shown, fence])
