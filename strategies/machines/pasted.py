"""Text as people paste it: quoted, indented, fenced, wrapped, with words around it. It is made plain before it is read.

Nothing is dropped in silence: lines around what a reader knows are named in a note, lines within it are refused.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence

QUOTE = re.compile(r"[ \t]*[>|] ?")
FENCE = re.compile(r"[ \t]*(?:```|~~~)[\w+-]*")
MAILED = str.maketrans({"\u00a0": " ", "\0": None})  # blanks of mail programs, and what tar fills sysfs files with
SHOWN = 3
LEVELS_MOST = 50  # of quoting: nobody answers that often, and each costs as much as the text is long

Lines = list[tuple[int, str]]


def plain_forms(text: str) -> Iterator[str]:
    """The text without what a mail or an issue puts around it: the whole, then only what is quoted, or fenced."""
    lines = text.translate(MAILED).replace("\r\n", "\n").split("\n")
    yield _plain(lines)
    fenced = _fenced(lines)
    if fenced is not None:
        yield _plain(fenced)
    quoted = [line for line in lines if QUOTE.match(line)]
    if quoted and len(quoted) < sum(bool(line.strip()) for line in lines):
        yield _plain(quoted)


def _plain(lines: Sequence[str]) -> str:
    """Quoting that every line has, and the indentation that every line has, taken away, level by level."""
    for _ in range(LEVELS_MOST):
        before = list(lines)
        lines = textwrap.dedent("\n".join(line.rstrip() for line in lines)).split("\n")
        filled = [line for line in lines if line.strip()]
        if filled and all(QUOTE.match(line) for line in filled):
            lines = [QUOTE.sub("", line, count=1) for line in lines]
        if len(filled) > 2 and FENCE.fullmatch(filled[0]) and FENCE.fullmatch(filled[-1]):
            lines = filled[1:-1]
        if lines == before:
            break
    return "\n".join(lines).strip("\n") + "\n"


def _fenced(lines: Sequence[str]) -> list[str] | None:
    """What stands between pairs of fences; None without a pair."""
    at = [i for i, line in enumerate(lines) if FENCE.fullmatch(QUOTE.sub("", line).rstrip())]
    if len(at) < 2:
        return None
    return [line for start, end in zip(at[::2], at[1::2], strict=False) for line in lines[start + 1 : end]]


def told_by(text: str, tells: Callable[[str], object]) -> str | None:
    """The first plain form of a text that `tells` knows; None if it knows none."""
    return next((form for form in plain_forms(text) if tells(form)), None)


def within(lines: Lines, known: Callable[[str], bool], notes: list[str], goes_on: bool = False) -> Lines:
    """The lines from the first to the last known one, blank ones left out; what stands around them becomes a note.

    goes_on: the last one may be wrapped, and goes to the next blank line.
    """
    places = [i for i, (_, line) in enumerate(lines) if known(line)]
    first, last = (places[0], places[-1]) if places else (0, len(lines) - 1)
    while goes_on and last + 1 < len(lines) and lines[last + 1][1].strip():
        last += 1
    around = [(number, line) for number, line in (*lines[:first], *lines[last + 1 :]) if line.strip()]
    if around:
        shown = ", ".join(f"{number} {line.strip()[:40]!a}" for number, line in around[:SHOWN])
        more = f" and {len(around) - SHOWN} more" if len(around) > SHOWN else ""
        notes.append(f"lines around it are passed over: {shown}{more}")
    return [(number, line) for number, line in lines[first : last + 1] if line.strip()]


def numbered(text: str) -> Lines:
    """Lines from 1 on."""
    return list(enumerate(text.split("\n"), 1))
