"""Interleaving lanes as SVG: the text picture of a finding, a column a CPU, set as one.

The text is read back line by line; a line that has another form stands there as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup

from percpu_fuzz.reports.numbers import plain
from percpu_fuzz.reports.render.svg import element, fixed, picture, words

STEP = re.compile(r"^ *(\d+) {2}( *)(\S.*)$")
WHO = re.compile(r"^( {6} *)\[(.+)\]$")
CPU = re.compile(r"CPU \d+")
BROKEN = "  >>  "
INDENT = 6  # characters before the first column
LETTER = 6.0  # width of a letter in user units, monospaced at font size 10
TALL = 15.0
SCALE = 1.2
LINES_MOST = 240  # of a longer picture the end is drawn, where it breaks
CHANGES_LEAST = 3  # blanks that part a step's words from what it changed


def lanes_picture(label: str, lines: Sequence[str]) -> Markup:
    """The picture; `lines` as a finding's "lanes" holds them: a head with the CPUs first."""
    lines = [plain(line) for line in lines]
    head, rest = lines[0], lines[1:]
    starts = [found.start() for found in CPU.finditer(head)]
    kept = rest[-LINES_MOST:]
    width = LETTER * (max(map(len, [head, *kept])) + 2)
    height = TALL * (len(kept) + 2)
    marks = [lane_mark(start, head, height) for start in starts]
    marks.append(words(0, TALL, "step", "lane-head"))
    for i, line in enumerate(kept):
        marks += line_marks(line, TALL * (i + 2) + 2, starts, width)
    return picture(label, marks, width, height, SCALE)


def lane_mark(start: int, head: str, height: float) -> Markup:
    """A CPU's line from its name down."""
    name = CPU.match(head, start)
    x = LETTER * start - 4
    line = element("line", x1=x, x2=x, y1=TALL + 4, y2=height - 4, class_="lane")
    return line + words(LETTER * start, TALL, name[0] if name else "", "lane-head")


def line_marks(line: str, y: float, starts: Sequence[int], width: float) -> list[Markup]:
    """One line: a violation on a ground of its own, an actor's name, a step in its lane, or text as it stands."""
    if line.startswith(BROKEN):
        ground = element("rect", x=0.0, y=y - TALL + 4, width=width, height=TALL, class_="broken-ground")
        return [ground, text_at(INDENT, y, line.removeprefix(BROKEN), "broken")]
    who = WHO.match(line)
    if who:
        return [text_at(len(who[1]), y, who[2], "who")]
    step = STEP.match(line)
    if step is None:
        return [text_at(len(line) - len(line.lstrip()), y, line.strip(), "change")]
    start = len(line) - len(step[3])
    x = LETTER * next((s for s in reversed(starts) if s <= start), start) - 4
    said, gap, changed = parted(step[3])
    marks = [text_at(0, y, step[1].rjust(4), "number"), element("circle", cx=x, cy=y - 3.5, r=2.5, class_="stop")]
    marks.append(text_at(start, y, said, "said"))
    if changed:
        marks.append(text_at(start + len(said) + gap, y, changed, "change"))
    return marks


def parted(text: str) -> tuple[str, int, str]:
    """A step's words, the blanks after them, and what it changed."""
    found = re.search(rf" {{{CHANGES_LEAST},}}", text)
    if found is None:
        changed = re.search(r" (?=(?:memcg|objcg|cpu)\d)", text)
        return (text, 0, "") if changed is None else (text[: changed.start()], 1, text[changed.end() :])
    return text[: found.start()], found.end() - found.start(), text[found.end() :]


def text_at(column: int, y: float, text: str, kind: str) -> Markup:
    """Monospaced text at a column, held to its width whatever font is there."""
    if not text.strip():
        return Markup("")
    blanks = len(text) - len(text.lstrip())
    text = text.strip()
    return element(
        "text", text, x=LETTER * (column + blanks), y=y, textLength=fixed(LETTER * len(text)), class_=f"mono {kind}"
    )
