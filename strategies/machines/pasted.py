"""Text as people paste it: coloured, quoted, indented, fenced, wrapped, with words around it. It is made plain first.

Nothing is dropped in silence: lines around what a reader knows are named in a note, lines within it are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import CONTENT_MAX_BYTES, TEXT_LINES_MAX, read_bytes

MARKS = " >|\u2502\u2503\u258c\u276f\u203a\u00bb"
QUOTE = re.compile(f" *[{MARKS[1:]}] ?")
QUOTED_MOST, LAYERS_MOST = 4, 16
FENCE = re.compile(r"[ \t]*(?:```|~~~)[\w+-]*")
INVISIBLE = re.compile(  # colours and titles of terminals, marks without width, what tar fills sysfs files with
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)|\x1b[()][0-9A-Z]|"
    r"[\0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
LINE_END = re.compile(r"(?<!\r)\r++\n|[\r\x0b\x0c\x85\u2028\u2029]")  # a row of \r is looked at once
LIKE_ASCII = str.maketrans(
    {
        **dict.fromkeys(map(chr, (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)), " "),
        **dict.fromkeys(map(chr, (*range(0x2010, 0x2016), 0x2212)), "-"),
        "\uff1a": ":",
        "\t": " ",
    }
)
MARKUP = (
    r"(?:\[/?(?:code|pre|quote)(?:=[^\]\n]{0,20})?\]|</?(?:pre|code)(?: [^>\n]{0,80})?>|"
    r"\{(?:code|noformat)[^}\n]{0,40}\})"
)
MARKED = re.compile(  # nothing is given back (*+, ++): time and memory in proportion
    rf"^((?:[ \t]*+[>|])*+[ \t]*+){MARKUP}++|{MARKUP}++(?P<end>[ \t]*+$)?", re.MULTILINE | re.IGNORECASE
)
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
SHOWN = 3

Lines = list[tuple[int, str]]


def decoded(data: bytes, where: str) -> str:
    """The text of a file as a person saved it: UTF-16 by its mark, UTF-8, else Latin-1, in which any byte is a letter.

    Colours, marks without width and forum markup at the ends of lines are taken away; every kind of blank is one, every
    kind of dash a minus sign, every end of a line a newline. What the formats are made of is ASCII. InputError, naming
    `where`, for more lines than are kept whole.
    """
    if data[:2] in UTF_16:
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    text = LINE_END.sub("\n", INVISIBLE.sub("", text)).translate(LIKE_ASCII)
    if text.count("\n") > TEXT_LINES_MAX:
        raise InputError(where, "more lines", f"at most {TEXT_LINES_MAX}")
    return MARKED.sub(lambda found: found[1] or ("" if found[1] == "" or found["end"] is not None else found[0]), text)


def read_pasted(path: Path) -> str:
    """The text of a file, which may be packed. InputError naming it if it cannot be read."""
    return decoded(read_bytes(path, CONTENT_MAX_BYTES), str(path))


def plain_forms(text: str) -> Iterator[tuple[str, Lines]]:
    """The text without what a mail or an issue puts around it: the whole, then only what is fenced, or quoted.

    With each the lines that are left out.
    """
    lines = text.split("\n")
    yield _plain(lines), []
    at = [i for i, line in enumerate(lines) if FENCE.fullmatch(line.lstrip(MARKS).rstrip())]
    if len(at) > 1:
        inside = {i for start, end in zip(at[::2], at[1::2], strict=False) for i in range(start + 1, end)}
        around = [(i + 1, line) for i, line in enumerate(lines) if i not in inside and i not in at]
        yield _plain([lines[i] for i in sorted(inside)]), around
    for depth in range(1, QUOTED_MOST):
        marks = re.compile(f"(?:{QUOTE.pattern}){{{depth}}}")
        if not any(marks.match(line) for line in lines):
            return
        yield _quoted(lines, marks)


def _quoted(lines: Sequence[str], marks: re.Pattern[str]) -> tuple[str, Lines]:
    """Lines with so many marks, and those that mail programs wrapped: without them, right below such a line."""
    kept: list[str] = []
    around: Lines = []
    goes_on = False
    for number, line in enumerate(lines, 1):
        goes_on = bool(marks.match(line)) or (goes_on and bool(line.strip()))
        if goes_on:
            kept.append(marks.sub("", line, count=1) if marks.match(line) else line.lstrip(MARKS))
        else:
            around.append((number, line))
    return _plain(kept), around


def _plain(lines: Sequence[str]) -> str:
    """Quoting that every line has, and the indentation that every line has, taken away until there is none."""
    for _ in range(LAYERS_MOST):
        before = list(lines)
        lines = [line.rstrip() for line in lines]
        margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
        lines = [line[margin:] for line in lines]
        filled = [line for line in lines if line]
        if filled and all(QUOTE.match(line) for line in filled):
            lines = [QUOTE.sub("", line, count=1) for line in lines]
        if len(filled) > 2 and FENCE.fullmatch(filled[0]) and FENCE.fullmatch(filled[-1]):
            lines = filled[1:-1]
        if lines == before:
            break
    return "\n".join(lines).strip("\n") + "\n"


def told_by(text: str, tells: Callable[[str], object], notes: list[str]) -> str | None:
    """The first plain form of a text that `tells` knows, what it leaves out being a note; None if it knows none."""
    return first_told(tuple(plain_forms(text)), tells, notes)


def first_told(forms: Sequence[tuple[str, Lines]], tells: Callable[[str], object], notes: list[str]) -> str | None:
    """The same of forms that were made before."""
    for form, around in forms:
        if tells(form):
            _passed_over(around, notes)
            return form
    return None


def part_of(text: str, first: int, last: int, notes: list[str]) -> str:
    """The text from one place to another; the lines that stand around it become a note."""
    before, part, after = text[:first], text[first:last], text[last:]
    numbers = before.count("\n"), before.count("\n") + part.count("\n")
    around = [*enumerate(before.split("\n"), 1), *enumerate(after.split("\n"), numbers[1] + 1)]
    _passed_over(around, notes)
    return part


def within(lines: Lines, known: Callable[[str], bool], notes: list[str], goes_on: bool = False) -> Lines:
    """The lines from the first to the last known one, blank ones left out; what stands around them becomes a note.

    goes_on: the last one may be wrapped, and goes to the next blank line.
    """
    places = [i for i, (_, line) in enumerate(lines) if known(line)]
    first, last = (places[0], places[-1]) if places else (0, len(lines) - 1)
    while goes_on and last + 1 < len(lines) and lines[last + 1][1].strip():
        last += 1
    _passed_over([*lines[:first], *lines[last + 1 :]], notes)
    return [(number, line) for number, line in lines[first : last + 1] if line.strip()]


def _passed_over(lines: Lines, notes: list[str]) -> None:
    around = [(number, line) for number, line in lines if line.strip()]
    if around:
        shown = ", ".join(f"{number} {line.strip()[:40]!a}" for number, line in around[:SHOWN])
        more = f" and {len(around) - SHOWN} more" if len(around) > SHOWN else ""
        notes.append(f"lines around it are passed over: {shown}{more}")


def numbered(text: str) -> Lines:
    """Lines from 1 on."""
    return list(enumerate(text.split("\n"), 1))
