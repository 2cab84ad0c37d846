"""report.md: the page as Markdown that renders to what it says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rendered import report_markdown

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.render.markdown import escaped, escaped_block, fenced

Made = Callable[..., Campaign]


def test_sections_tables_and_commands_are_there(make: Made) -> None:
    """Headings, a table row of the violated invariant, the line that repeats the run in a block of its own."""
    text = report_markdown(make())
    assert text.startswith("# percpu-fuzz: variant v2, seed 7\n")
    assert "\n## Violations, by cases\n" in text
    assert "\n| I18 | no NULL objcg is dereferenced | 3 of 400 cases: " in text
    assert "\n```sh\npercpu-fuzz run --variant v2 --seed 7 --cases 600\n```\n" in text
    assert text.isascii()
    assert text == report_markdown(make())


def test_rows_have_as_many_cells_as_their_head(make: Made) -> None:
    """No name breaks a table: not by a bar, a backslash or a line break."""
    name = "a|b\\|c\nd"
    text = report_markdown(make(describe={"variant": name, "seed": 7, "families": {name: 1}, name: name}))
    blocks = [block for block in text.split("\n\n") if block.startswith("| ")]
    assert blocks
    for block in blocks:
        widths = {_cells(line) for line in block.splitlines()}
        assert len(widths) == 1, block


def _cells(line: str) -> int:
    """Bars that part cells: those with an even number of backslashes before them."""
    count = run = 0
    for letter in line:
        count += letter == "|" and run % 2 == 0
        run = run + 1 if letter == "\\" else 0
    return count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>*x*</b>", "\\<b\\>\\*x\\*\\</b\\>"),
        ("[a](http://x)", "\\[a\\](http\\://x)"),
        ("a | b\nc", "a \\| b\\\\x0ac"),
        ("`rm`", "\\`rm\\`"),
        ("\u00e9", "\\\\xe9"),
    ],
)
def test_markup_in_text_is_escaped(text: str, expected: str) -> None:
    """Text from outside makes no HTML, emphasis, link, code or cell."""
    assert escaped(text) == expected


def test_a_block_begins_no_list(make: Made) -> None:
    """What would begin a list, a rule or a heading at the start of a block is escaped; a decimal number is not."""
    assert [escaped_block(text) for text in ("- a", "1. a", "---", "# a", "3.1% of")] == [
        "\\- a", "1\\. a", "\\---", "\\# a", "3.1% of",
    ]  # fmt: skip


def test_a_fence_is_longer_than_what_it_holds() -> None:
    """A line of backticks does not end the block."""
    assert fenced(["a", "````"]) == "`````\na\n````\n`````"
