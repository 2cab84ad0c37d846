"""Reads plain `lscpu`, `lscpu -e` and `lscpu -p`."""

from __future__ import annotations

import re

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.facts import Facts
from percpu_fuzz.strategies.machines.lscpu import LSCPU_OUTPUT, CpuRow, checked, is_on, matters, summary, table
from percpu_fuzz.strategies.machines.pasted import Lines, numbered, within

LSCPU_FIELD = re.compile(r"\s*([^\W\d_a-z\xdf-\xf6\xf8-\xff\u0430-\u044f][^:]{0,60}:)\s*(.*)")  # no small letter
SUMMARY_MARK = re.compile(
    r"^\s*On-line CPU\(s\) list:|^(?=[^:\n]{0,60}\d)[^:#>|\n]{0,60}NUMA[^:\n]{0,40}:[ \da-fx,-]*$", re.MULTILINE
)
EXTENDED_MARK = re.compile(r"^ *CPU( +[A-Z][\w:]*)+ *$", re.MULTILINE)
PARSABLE_MARK = re.compile(r"^ *# ?CPU(,[\w:]*)+ *$", re.MULTILINE)
EXTENDED_ROW = re.compile(r" *\d+( +[^ ]+)* *")
PARSABLE_ROW = re.compile(r" *\d+(,[^,]*)+ *")


def is_lscpu(text: str) -> bool:
    """Whether the text is one of the three."""
    return any(mark.search(text) for mark in (SUMMARY_MARK, EXTENDED_MARK, PARSABLE_MARK))


def read_lscpu_text(text: str, where: str) -> Facts:
    """The facts of lscpu's text. Raises InputError for what is missing or malformed."""
    notes: list[str] = []
    if PARSABLE_MARK.search(text):
        facts = _parsable(text, where, notes)
    elif EXTENDED_MARK.search(text):
        facts = _extended(text, where, notes)
    else:
        facts = _summary(text, where, notes)
    facts.notes[:0] = notes
    return checked(facts)


def _summary(text: str, where: str, notes: list[str]) -> Facts:
    """`Field:  data`, a field a line; a line without a field goes on with the one above."""
    rows: list[tuple[str, str]] = []
    for number, line in within(numbered(text), lambda line: bool(LSCPU_FIELD.fullmatch(line)), notes, True):
        if (found := LSCPU_FIELD.fullmatch(line)) and not _goes_on(rows):
            rows.append((found[1], found[2].strip()))
        elif rows:
            field, data = rows[-1]
            rows[-1] = (field, (data + ("" if data.endswith((",", "-")) or not data else " ") + line.strip()).strip())
        else:
            raise InputError(f"{where}, line {number}", repr(line[:60]), LSCPU_OUTPUT)
    return summary(rows, where)


def _goes_on(rows: list[tuple[str, str]]) -> bool:
    """Whether the last field has a list that ends in a comma, so that the next line belongs to it."""
    return bool(rows) and matters(rows[-1][0]) and rows[-1][1].endswith(",")


def _columns(words: list[str], where: str) -> tuple[int, int | None, int | None]:
    """The places of CPU, NODE and ONLINE; None for a column that is not there."""
    names = [word.upper() for word in words]
    if names.count("CPU") != 1 or names.count("NODE") > 1 or names.count("ONLINE") > 1:
        raise InputError(where, f"columns {' '.join(words)[:60]!r}", "CPU, NODE and ONLINE once at most")
    node, online = (names.index(name) if name in names else None for name in ("NODE", "ONLINE"))
    return names.index("CPU"), node, online


def _row(cells: list[str], places: tuple[int, int | None, int | None], where: str) -> CpuRow:
    cpu, node, online = places
    state = "yes" if online is None else cells[online]
    name = None if node is None or cells[node] in ("", "-") else cells[node]
    return CpuRow(cells[cpu], name, is_on(state, where), node is not None)


def _extended(text: str, where: str, notes: list[str]) -> Facts:
    """A head of columns and a row for each CPU; read as words, so that rows may be wrapped."""
    known = re.compile(f"{EXTENDED_MARK.pattern}|{EXTENDED_ROW.pattern}")
    lines = within(numbered(text), lambda line: bool(known.fullmatch(line)), notes)
    head = lines[0][1].split()
    places = _columns(head, f"{where}, line {lines[0][0]}")
    if places[2] is None:
        raise InputError(where, "no column ONLINE", "lscpu -e, or -e=CPU,NODE,ONLINE")
    rows = []
    for numbers, cells in _wrapped(lines[1:], len(head)):
        if len(cells) != len(head):
            raise InputError(f"{where}, line {numbers}", f"{len(cells)} cells", f"{len(head)}, one for each column")
        rows.append(_row(cells, places, f"{where}, line {numbers}"))
    return table(rows, where)


def _wrapped(lines: Lines, width: int) -> list[tuple[int, list[str]]]:
    """Rows of so many cells: a line with fewer goes on in the next."""
    rows: list[tuple[int, list[str]]] = []
    for number, line in lines:
        if rows and len(rows[-1][1]) < width:
            rows[-1][1].extend(line.split())
        else:
            rows.append((number, line.split()))
    return rows


def _parsable(text: str, where: str, notes: list[str]) -> Facts:
    """Comments, of which the last names the columns, and a row for each CPU with commas."""
    known = re.compile(f"#.*|{PARSABLE_ROW.pattern}")
    lines = within(numbered(text), lambda line: bool(known.fullmatch(line)), notes)
    heads = [line for _, line in lines if PARSABLE_MARK.fullmatch(line)]
    if len(heads) != 1:
        raise InputError(where, f"{len(heads)} lines that name columns", LSCPU_OUTPUT)
    head = heads[0].strip().lstrip("# ").split(",")
    places = _columns(head, where)
    rows = []
    for number, line in lines:
        if line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(head):
            raise InputError(f"{where}, line {number}", f"{len(cells)} cells", f"{len(head)}, one for each column")
        rows.append(_row(cells, places, f"{where}, line {number}"))
    return table(rows, where)
