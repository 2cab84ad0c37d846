"""Any page as text, Markdown and HTML: each element is there, text is ASCII of 78 columns, nothing is lost."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from percpu_fuzz.reports.numbers import table
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.markdown import page_markdown
from percpu_fuzz.reports.render.page import Bars, Figure, Page, Section, Table
from percpu_fuzz.reports.render.text import page_text, table_lines

COMMAND = "percpu-fuzz run --variant v2 --seed 7"
FACTS = Table(("", ""), (("cases", "20"), ("ended by", "word " * 20), ("", "if every case is unknown")), 2, prose=1)
BROKEN = Table(("", ""), (("measured", "3 of 400"),), 2, prose=1)
HAZARDS = Table(
    ("", "hazard", "measured", "hunted"),
    (("H1", "offline between the two loads of a node's objcg, and more words", "1", "0"), ("H2", "", "20", "3,000")),
    2, prose=1, rows_text_max=1, rows_left_out=7,
)  # fmt: skip
STRATA = Table(
    ("", "", "probes", "mean"), (("nodes", "1", "838", "1.31"), ("", "2", "7", "1.59"), ("CPUs", "1", "2", "3.00")),
    2, groups=True,
)  # fmt: skip


def page(*sections: Section, command: str = COMMAND) -> Page:
    """A page of these sections."""
    return Page("percpu-fuzz: variant v2", "Violated: I8.", True, command, sections, ("Before all sections.",))


def whole() -> Page:
    """Every element of a page at once."""
    drawn = Figure("By headroom", Markup("<svg></svg>"), "n = 9")
    counted = Figure("Waste", Markup(""), "n = 3", bars=Bars("pages wasted", {1: 20, 3: 10}))
    entry = Section("i8", "I8: no bytes are left", ("1 case.",), tables=(BROKEN,), command="percpu-fuzz replay F")
    deep = Section("waste", "Waste", parts=(Section("few", "few: 3 cases", figures=(counted,), notes=("a note",)),))
    return page(
        Section("run", "Run", ("Words first.",), tables=(FACTS,), command=COMMAND, lines=("as it stands",)),
        Section("broken", "Broken", ("What broke.", "And how."), parts=(entry, deep), notes=("Below the tables.",)),
        Section("hazards", "Hazards", tables=(HAZARDS, STRATA), folded=True, figures=(drawn,)),
        Section("drawn", "Only drawn", figures=(drawn,)),
    )


WHOLE = """\
percpu-fuzz: variant v2
=======================
Violated: I8.

Before all sections.

Run
---
Words first.

  as it stands

  cases       20
  ended by    word word word word word word word word word word word word word
              word word word word word word word
              if every case is unknown

  repeat with:
    percpu-fuzz run --variant v2 --seed 7

Broken
------
What broke.
And how.

Below the tables.

I8: no bytes are left
  1 case.
  measured    3 of 400
    percpu-fuzz replay F

Waste
  few: 3 cases
    a note
      pages wasted  cases
                 1     20  ###################################################
                 2      0
                 3     10  #########################

Hazards
-------
      measured  hunted  hazard
  H1         1       0  offline between the two loads of a node's objcg, and
                        more words
  and 8 more

       probes  mean
  nodes
    1     838  1.31
    2       7  1.59
  CPUs
    1       2  3.00
"""


def test_every_element_has_its_place_in_text() -> None:
    """The whole page, letter by letter; what is only drawn is left out with its heading."""
    assert page_text(whole()) == WHOLE


def test_the_command_stands_once() -> None:
    """At the end, unless a section has it; a page without a command has none, and a section's own is kept."""
    plain_page = page_text(page(Section("a", "A", ("words",))))
    assert plain_page.endswith(f"\n\n  repeat with:\n    {COMMAND}\n")
    assert page_text(whole()).count("repeat with:") == 1
    assert "repeat with" not in page_text(page(Section("a", "A", ("words",)), command=""))
    own = page_text(page(Section("a", "A", ("words",), command="percpu-fuzz replay F")))
    assert own.count("repeat with:") == 1
    assert "    percpu-fuzz replay F\n" in own


@pytest.mark.parametrize("prose", [None, 0, 1, 3])
@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("wide", [1, 12, 30, 60, 100])
@pytest.mark.parametrize("head", [True, False])
def test_any_table_fits_and_loses_no_cell(prose: int | None, groups: bool, wide: int, head: bool) -> None:
    """Of 78 columns whatever its cells are; each is there, over lines where it must be, names cut at most."""
    heads = tuple(f"head {i}" if head else "" for i in range(5))
    rows = tuple(tuple(f"r{r}c{i}" + "x" * wide for i in range(5)) for r in range(3))
    found = Table(heads, rows, 2, prose=prose, groups=groups and prose is None)
    lines = table_lines(found)
    assert max(map(len, lines)) <= 78
    assert all(line == line.rstrip() for line in lines)
    run_together = "".join(lines).replace(" ", "")
    for row in rows:
        assert all(run_together.count(cell) == 1 for cell in row[2:])
        assert row[0][:22] in run_together


def test_a_wide_table_has_its_head_on_several_lines_first() -> None:
    """A head wider than its cells is wrapped before columns are parted; then they go below, names repeated."""
    head = ("headroom, pages", "fit", "fail all the same", "share of those that fit", "share of all probes")
    rows = (("64", "3,501", "1", "0.13% [0.00011%, 26%]", "0.13% [0.00011%, 26%]"),)
    assert table_lines(Table(head, rows)) == [
        "  headroom,       fail all   share of those that",
        "  pages       fit the same                   fit   share of all probes",
        "  64        3,501        1 0.13% [0.00011%, 26%] 0.13% [0.00011%, 26%]",
    ]
    parted = table_lines(Table(head, tuple((f"row {r}", *(f"{r}{c}" * 9 for c in range(4))) for r in range(10, 13))))
    assert "" in parted
    assert [line for line in parted if line.startswith("  row 10")][1:]
    narrow = Table(("", "measured"), (("a", "1"), ("b", "22")))
    assert table_lines(narrow) == table([["", "measured"], ["a", "1"], ["b", "22"]])


def test_a_table_with_no_room_for_its_prose_is_stacked() -> None:
    """Names in front, then each other cell with the name of its column; an empty one is left out."""
    rows = (("I18", "no NULL objcg is dereferenced", "3 of 10,375 cases: 0.029% [0.0059%, 0.085%]", ""),)
    assert table_lines(Table(("violated", "says", "measured", "hunted"), rows, 2, prose=1)) == [
        "  I18: no NULL objcg is dereferenced",
        "    measured: 3 of 10,375 cases: 0.029% [0.0059%, 0.085%]",
    ]


def test_text_from_outside_is_shown_as_text() -> None:
    """Control characters and letters beyond ASCII are escaped in every place that a page has."""
    evil = "\u00e9\x1b[31m" + "y" * 200
    found = page(
        Section("a", evil, (evil,), lines=(evil,), notes=(evil,), command=f"percpu-fuzz replay '{evil}'", tables=(
            Table((evil, evil), ((evil, evil),), 1, evil), Table(("", ""), ((evil, evil),), 2, prose=1),
            Table((evil, evil, evil), ((evil, evil, evil),), 2, groups=True),
        ), figures=(Figure(evil, Markup(""), evil, bars=Bars(evil[:9], {0: 1})),), parts=(Section("b", evil, ("x",)),)),
    )  # fmt: skip
    for text in (page_text(found), page_markdown(found), page_html(found)):
        assert text.isascii()
        assert text.replace("\n", "").isprintable()
        assert "\\xe9\\x1b" in text.replace("\\\\", "\\")
    for line in page_text(found).splitlines():
        assert len(line) <= 78 or line.strip().startswith("percpu-fuzz") or set(line[17:]) <= {*"y-"}, line


def test_markdown_and_html_have_every_element_too() -> None:
    """Words of the page, notes, bars and how many rows are missing: of all that are given none is left out there."""
    markdown, html = page_markdown(whole()), page_html(whole())
    for text in (markdown, html):
        shown = " ".join(re.sub(r"<[^>]+>", " ", text).split())
        for words in ("Before all sections.", "Below the tables.", "a note", "and 7 more", "3,000", "By headroom"):
            assert words in shown, words
        assert "2      0\n" in text
    assert "```\npages wasted  cases\n" in markdown
    assert "<pre>pages wasted  cases\n" in html
    assert "Drawn in report.html:\n\n- By headroom: n = 9" in markdown
    bare = page_html(page(command=""))
    assert '<p class="command">' not in bare
    assert '<p class="command">' in page_html(page())
