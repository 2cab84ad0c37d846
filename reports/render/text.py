"""Any page as plain ASCII text of at most 78 columns, fit to paste into a mail. Pictures are left to HTML.

Only a command may be wider, since a shell would not take a name that is broken.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from percpu_fuzz.reports.numbers import WIDTH, command, heading, number, paragraph, plain, table, title
from percpu_fuzz.reports.render.page import Page, Section, Table

INDENT = "  "
FACTS_WIDTH = 14  # of a name in a table without a head, its blanks included
PROSE_LEAST = 30  # columns that wrapped text must have left to stand beside others
NAME_MOST = 24  # characters of a row's name in a table that would be too wide

_Row = Sequence[str]


def page_text(page: Page) -> str:
    """The whole page, ending in a newline. Equal pages give equal bytes."""
    lines = [*title(page.title), *paragraph(page.verdict)]
    if page.words:
        lines += ["", *(line for words in page.words for line in paragraph(words))]
    for section in page.sections:
        body = _body(section, "", page.command)
        if body:
            lines += [*heading(plain(section.title)), *body]
    if page.command and not any(_repeats(section, page.command) for section in page.sections):
        lines += ["", *_command(page.command, INDENT, page.command)]
    return "\n".join(lines) + "\n"


def _body(section: Section, indent: str, repeated: str) -> list[str]:
    """What stands below a section's title, blocks apart; those of an entry, which is indented, close together if few.

    repeated: the page's command, which is named where it stands.
    """
    lines: list[str] = []
    apart = not indent or len(section.tables) > 1
    for block in _blocks(section, indent, repeated):
        lines += [*([""] if lines and apart else []), *block]
    for part in section.parts:
        body = _body(part, indent + INDENT, repeated)
        if body:
            lines += [*([""] if lines else []), *paragraph(part.title, indent), *body]
    return lines


def _blocks(section: Section, indent: str, repeated: str) -> Iterator[list[str]]:
    deeper = indent or INDENT
    if section.words:
        yield [line for words in section.words for line in paragraph(words, indent)]
    if section.lines:
        fits = max(len(plain(said)) for said in section.lines) + len(deeper) <= WIDTH
        yield [line for said in section.lines for line in paragraph(said, deeper if fits else "") or [""]]
    for one in section.tables:
        if one.rows:
            yield [*paragraph(one.caption, indent), *table_lines(one, deeper)]
    if section.notes:
        yield [line for words in section.notes for line in paragraph(words, indent)]
    counted = [(f.title, f.bars) for f in section.figures if f.bars is not None and f.bars.histogram]
    for name, found in counted:
        named = paragraph(name, deeper) if len(counted) > 1 else []
        yield [*named, *found.lines(deeper + INDENT)]
    if section.command:
        yield _command(section.command, deeper, repeated)


def _command(line: str, indent: str, repeated: str) -> list[str]:
    named = [f"{indent}repeat with:"] if line == repeated else []
    return [*named, *command(line, indent + INDENT)]


def _repeats(section: Section, line: str) -> bool:
    return section.command == line or any(_repeats(part, line) for part in section.parts)


def table_lines(found: Table, indent: str = INDENT) -> list[str]:
    """The rows that a text shows, as wide as there is room, and how many more there are."""
    head = [plain(cell) for cell in found.head] if any(found.head) else []
    rows = [[plain(cell) for cell in row] for row in found.rows[: found.rows_text_max]]
    more = len(found.rows) - len(rows) + found.rows_left_out
    if found.prose is not None:
        lines = _with_prose(head, rows, found.left, found.prose, indent)
    elif found.groups:
        lines = _grouped(head, rows, found.left, indent)
    else:
        lines = _joined(_side_by_side(head, rows, found.left, indent)) or _stacked(head, rows, found.left, indent)
    return [*lines, *([f"{indent}and {number(more)} more"] if more else [])]


def _with_prose(head: _Row, rows: Sequence[_Row], left: int, prose: int, indent: str) -> list[str]:
    """The wrapping column last, beside the others, or below them where it would have too little room."""
    every = [head, *rows] if head else rows
    lines = table([[cell for i, cell in enumerate(row) if i != prose] for row in every], left - (prose < left), indent)
    widest = max(map(len, lines))
    room = widest + 2 if head else max(widest + 1, FACTS_WIDTH)
    if room > WIDTH - PROSE_LEAST:
        names = [*range(left), *([prose] if head and prose >= left else [])]
        return _stacked(head, rows, len(names), indent, names)
    found = []
    for line, row in zip(lines, every, strict=True):
        wrapped = paragraph(row[prose], " " * room) or [""]
        found += [(line.ljust(room) + wrapped[0].strip()).rstrip(), *wrapped[1:]]
    return found


def _grouped(head: _Row, rows: Sequence[_Row], left: int, indent: str) -> list[str]:
    """Each group's name on a line of its own above its rows."""
    blocks = _side_by_side(head[1:], [row[1:] for row in rows], left - 1, indent + INDENT)
    named = []
    for above, lines in blocks:
        inside = []
        for row, line in zip(rows, lines, strict=True):
            inside += [*([indent + row[0]] if row[0] else []), line]
        named.append((above, inside))
    return _joined(named) or _stacked(head, rows, left, indent)


def _joined(blocks: Sequence[tuple[list[str], list[str]]]) -> list[str]:
    """Blocks of (head lines, row lines) below each other."""
    return [line for i, (above, lines) in enumerate(blocks) for line in [*([""] if i else []), *above, *lines]]


def _side_by_side(
    head: _Row, rows: Sequence[_Row], left: int, indent: str, named: bool = False
) -> list[tuple[list[str], list[str]]]:
    """(lines of the head, a line a row), or several of them where half of the columns go below the other half.

    Nothing where a single column is too wide. named: names of rows are cut already.
    """
    above = [head] if head else []
    for gap, heads in ((2, above), (1, above), *((1, _wrapped(head, rows, tall)) for tall in (2, 3) if head)):
        lines = table([*heads, *rows], left, indent, gap)
        if max(map(len, lines)) <= WIDTH:
            return [(lines[: len(heads)], lines[len(heads) :])]
    if not named:
        cut = [[_cut(cell) if i < left else cell for i, cell in enumerate(row)] for row in rows]
        return _side_by_side(head, cut, left, indent, named=True)
    columns = len(rows[0]) - left
    if columns < 2:
        return []
    half = left + (columns + 1) // 2
    first = _side_by_side(head[:half], [row[:half] for row in rows], left, indent, named)
    second = _side_by_side(_rest(head, left, half), [_rest(row, left, half) for row in rows], left, indent, named)
    return [*first, *second] if first and second else []


def _rest(row: _Row, left: int, half: int) -> _Row:
    return [*row[:left], *row[half:]]


def _cut(name: str) -> str:
    return name if len(name) <= NAME_MOST else name[: NAME_MOST - 2] + ".."


def _wrapped(head: _Row, rows: Sequence[_Row], tall: int) -> list[_Row]:
    """The head on so many lines, each cell as narrow as that allows but no narrower than its column's cells."""
    cells = []
    for i, name in enumerate(head):
        width = max(1, *(len(row[i]) for row in rows))
        while len(lines := textwrap.wrap(name, width, break_long_words=False)) > tall:
            width += 1
        cells.append([""] * (tall - len(lines)) + lines)
    return [[lines[i] for lines in cells] for i in range(tall)]


def _stacked(head: _Row, rows: Sequence[_Row], left: int, indent: str, names: Sequence[int] | None = None) -> list[str]:
    """A row an entry: its names, and below them each other cell beside the name of its column."""
    named = list(range(left)) if names is None else names
    lines: list[str] = []
    for row in rows:
        lines += [*([""] if lines else []), *paragraph(": ".join(row[i] for i in named if row[i]), indent)]
        for i, cell in enumerate(row):
            if i not in named and cell:
                said = f"{head[i]}: {cell}" if head and head[i] else cell
                lines += paragraph(said, indent + INDENT)
    return lines
