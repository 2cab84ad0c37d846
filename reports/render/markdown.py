"""report.md: the same page as Markdown, without its pictures; every cell and word from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Sequence

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.numbers import plain
from percpu_fuzz.reports.render.page import Section, Table
from percpu_fuzz.reports.sections.pages import page_of

SPECIAL = re.compile(r"[\\`*_\[\]<>#|~$&]|:(?=//)")
LEADING = re.compile(r"^(\d*)([-+=.)])(?=[\s=-]|$)")


def report_markdown(campaign: Campaign) -> str:
    """The whole report, ending in a newline. ASCII; equal campaigns give equal bytes."""
    page = page_of(campaign)
    blocks = [f"# {escaped(page.title)}", f"**{escaped(page.verdict)}**", fenced([page.command], "sh")]
    for section in page.sections:
        blocks += section_blocks(section, 2)
    return "\n\n".join(blocks) + "\n"


def section_blocks(section: Section, level: int) -> list[str]:
    """Heading, words, command, lines, tables and parts; of a figure its name and what it counts."""
    blocks = [f"{'#' * level} {escaped(section.title)}"]
    blocks += [paragraph(words) for words in section.words]
    if section.command:
        blocks.append(fenced([section.command], "sh"))
    if section.lines:
        blocks.append(fenced(section.lines))
    for table in section.tables:
        blocks += table_blocks(table)
    figures = [f"- {escaped(figure.title)}: {escaped(figure.caption)}" for figure in section.figures]
    if figures:
        blocks += ["Drawn in report.html:", "\n".join(figures)]
    for part in section.parts:
        blocks += section_blocks(part, level + 1)
    return blocks


def table_blocks(table: Table) -> list[str]:
    """Caption and rows."""
    if not table.rows:
        return []
    rule = [":--" if i < table.left else "--:" for i in range(len(table.head))]
    rows = [row_line(table.head), f"| {' | '.join(rule)} |", *map(row_line, table.rows)]
    return [*([paragraph(table.caption)] if table.caption else []), "\n".join(rows)]


def row_line(cells: Sequence[str]) -> str:
    """A line of a table, its cells escaped."""
    return f"| {' | '.join(map(escaped, cells))} |"


def escaped(text: str) -> str:
    """Text within a line that no Markdown reader takes for markup, HTML or a link."""
    return SPECIAL.sub(r"\\\g<0>", " ".join(plain(text).split()))


def paragraph(text: str) -> str:
    """A block of escaped text that begins no list, heading or rule."""
    return LEADING.sub(r"\1\\\2", escaped(text))


def fenced(lines: Sequence[str], language: str = "") -> str:
    """Lines as they stand, in a fence longer than any run of backticks in them."""
    shown = [plain(line) for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence + language, *shown, fence])
