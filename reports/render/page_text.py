"""A page as plain ASCII text of at most 78 columns: its words and tables; pictures are for HTML."""

from __future__ import annotations

from percpu_fuzz.reports.numbers import command, heading, paragraph, title
from percpu_fuzz.reports.render.page import Page, Section
from percpu_fuzz.reports.sections.text_precharge import table_lines


def page_text(page: Page) -> str:
    """The whole page, ending in a newline. Equal pages give equal bytes."""
    lines = [*title(page.title), *paragraph(page.verdict)]
    for section in page.sections:
        lines += section_lines(section)
    return "\n".join([*lines, "", "  repeat with:", *command(page.command, "    ")]) + "\n"


def section_lines(section: Section) -> list[str]:
    """Heading, tables with their captions, then the words that say what they mean."""
    lines = heading(section.title)
    for i, table in enumerate(section.tables):
        lines += [*([""] if i else []), *table_lines(table), *paragraph(table.caption, "  ")]
    if section.tables and section.words:
        lines.append("")
    for words in section.words:
        lines += paragraph(words)
    return lines
