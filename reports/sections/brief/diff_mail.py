"""`percpu-fuzz diff` as a reply for a mailing list: kinds, a case of each side by side, in 40 lines of 72 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.reports.identity import mail_words, part_words
from percpu_fuzz.reports.numbers import number, plain, plural
from percpu_fuzz.reports.sections.brief.mail import MAIL_LINES_MOST, wrapped

# Operation, base, variant; indent and gaps make it the mail's width.
MAIL_COLUMNS = (34, 16, 16)
MAIL_ROWS_MOST = 5  # of a case


def diff_mail(row: Mapping[str, Any]) -> str:
    """The whole mail, ending in a newline."""
    found: Sequence[Mapping[str, Any]] = row["differences"]
    head = [*wrapped(f"{mail_words(row['variants'][-1])} {told_words(row)}"), ""]
    end = ["", *again_lines(row)]
    lines: list[str] = []
    shown = 0
    for place, difference in enumerate(found, 1):
        entry = entry_lines(row, place, difference)
        if len(head) + len(lines) + len(entry) + len(end) + 1 > MAIL_LINES_MOST:
            break
        lines, shown = [*lines, *entry], place
    left = len(found) - shown
    more = [f"and {number(left)} more in diff.txt."] if left else []
    return "\n".join([*head, *lines, *more, *end]) + "\n"


def told_words(row: Mapping[str, Any]) -> str:
    """What was compared, and how many kinds of differences there are."""
    kinds = len({difference["kind"] for difference in row["differences"]})
    names = " and ".join(map(part_words, (row["base"], *row["variants"])))
    came = f"{plural(kinds, 'kind')} of differences" if kinds else "no difference"
    return (
        f"The same {plural(row['cases'], 'case')}, one operation after the other, on {names}: {came} that a user would "
        "notice."
    )


def entry_lines(row: Mapping[str, Any], place: int, difference: Mapping[str, Any]) -> list[str]:
    """A kind, how often it shows, and its shrunk case."""
    measured, n = sum(difference["measured"].values()), sum(row["measured"].values())
    often = f"{number(measured)} of {number(n)} measured cases"
    if not measured:
        often = f"{number(difference['hunted'])} of {number(row['hunted'])} hunted cases"
    of = f"{difference['variant']}, " if len(row["variants"]) > 1 else ""
    lines = wrapped(f"{place}) {of}{difference['kind']}: {often}.", rest="   ")
    shown = difference["shown"]
    if shown is None:
        return lines
    for words in shown["machine"]:
        lines += wrapped(words, "   ", "   ")
    rows = [("", row["base"], difference["variant"]), *shown["rows"][:MAIL_ROWS_MOST]]
    return [*lines, *(line for cells in rows for line in side_by_side(cells))]


def side_by_side(cells: Sequence[str]) -> list[str]:
    """A row of three cells, each wrapped in its column."""
    wrapped_cells = [textwrap.wrap(plain(cell), width) for cell, width in zip(cells, MAIL_COLUMNS, strict=True)]
    return [
        ("  " + " ".join(part.ljust(width + 1) for part, width in zip(parts, MAIL_COLUMNS, strict=True))).rstrip()
        for parts in zip_longest(*wrapped_cells, fillvalue="")
    ]


def again_command(row: Mapping[str, Any]) -> str:
    """The line that compares the same cases again."""
    words = ["percpu-fuzz", "diff", row["base"], *row["variants"], "--cases", str(row["cases"]), "--seed"]
    return shell_line([*words, str(row["seed"])])


def again_lines(row: Mapping[str, Any]) -> list[str]:
    """The command, whole whatever its length, and what the result depends on."""
    return [f"Repeat: {plain(again_command(row))}", f"  percpu-fuzz {row['version']}, code {row['code']}"]
