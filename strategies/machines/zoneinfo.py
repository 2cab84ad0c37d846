"""Reads /proc/zoneinfo: free pages and watermarks of each node, as an addition to what another file says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.pasted import Lines, numbered, told_by, within

ZONE_ROW = re.compile(r"^ *Node +(\d{1,9}), zone +(\S+) *$", re.MULTILINE)
ZONE_MARK = re.compile(r"^ *Node +\d+, +zone\b", re.MULTILINE)
PAGES_ROW = re.compile(r"(?:pages )?(free|min|low|managed|nr_free_cma) +(\d{1,18})")
OTHER_ROW = re.compile(
    r"(?:pages )?[a-z_][a-z0-9_]*:? +-?\d+|protection: \([\d, ]*\)|per-node stats|pagesets|"
    r"vm stats threshold: *\d+|pages|\d+"
)
FIELDS = ("free", "min", "low", "managed")
WITHOUT_KERNEL_PAGES = ("Movable", "Device")
ZONEINFO = "/proc/zoneinfo as the kernel prints it"


@dataclass(frozen=True, slots=True)
class Zones:
    """Sums over the populated zones of a node that a percpu page may come from, in pages of the machine.

    free_pages are without CMA, which only movable allocations use. managed_pages is 0 without memory; movable_pages
    are those managed of ZONE_MOVABLE, which no other number counts.
    """

    free_pages: int = 0
    min_pages: int = 0
    low_pages: int = 0
    managed_pages: int = 0
    movable_pages: int = 0


def parse_zoneinfo(text: str, where: str, notes: list[str] | None = None) -> dict[int, Zones]:
    """The zones of each node that the text has, as it was pasted; notes take what had to be assumed.

    Raises InputError for no zone at all, a zone without its rows or with one twice, a line that is none of zoneinfo's.
    """
    notes = [] if notes is None else notes
    plain = told_by(text, ZONE_MARK.search, notes)
    if plain is None:
        raise InputError(where, "no line `Node N, zone NAME`", ZONEINFO)
    sums: dict[int, Zones] = {}
    seen: set[tuple[str, str]] = set()
    zones = _zones(_joined(within(numbered(plain), _is_row, notes), where), where)
    cma = [rows.get("nr_free_cma") for _, rows in zones if rows.get("managed", 1)]  # an empty zone has no such row
    if all(pages is None for pages in cma):
        notes.append(f"{where} has no nr_free_cma: free pages of CMA, where no percpu page can lie, are counted if any")
    elif None in cma:
        raise InputError(where, "a zone with pages and without nr_free_cma, which others have", ZONEINFO)
    for title, rows in zones:
        if title in seen:
            raise InputError(where, f"Node {title[0]}, zone {title[1]} twice", ZONEINFO)
        seen.add(title)
        missing = [name for name in FIELDS if name not in rows]
        if missing:
            raise InputError(where, f"Node {title[0]}, zone {title[1]} without {', '.join(missing)}", ZONEINFO)
        node = int(title[0])
        sums[node] = _plus(sums.get(node, Zones()), title[1], rows)
    return sums


def _is_row(line: str) -> bool:
    return bool(ZONE_ROW.fullmatch(line) or OTHER_ROW.fullmatch(line.strip()))


def _joined(lines: Lines, where: str) -> Lines:
    """Rows that a mail program wrapped in one: a name with its number below it, a list in parentheses that goes on."""
    found: Lines = []
    for number, line in lines:
        wrapped = found and not _is_row(found[-1][1])
        if wrapped or (found and re.fullmatch(r"\d+|[\d, ]+\)", line.strip())):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            found.append((number, line))
    for number, line in found:
        if not _is_row(line):
            raise InputError(f"{where}, line {number}", repr(line.strip()[:60]), ZONEINFO)
    return found


def _zones(lines: Lines, where: str) -> list[tuple[tuple[str, str], dict[str, int]]]:
    """Node and zone with the rows that count, each once: those of per-CPU sets have a colon and are others."""
    found: list[tuple[tuple[str, str], dict[str, int]]] = []
    for number, line in lines:
        if title := ZONE_ROW.fullmatch(line):
            found.append(((title[1], title[2]), {}))
        elif row := PAGES_ROW.fullmatch(line.strip()):
            if not found or row[1] in found[-1][1]:
                raise InputError(f"{where}, line {number}", f"{line.strip()[:60]!r} again, or of no zone", ZONEINFO)
            found[-1][1][row[1]] = int(row[2])
    return found


def _plus(sums: Zones, name: str, rows: dict[str, int]) -> Zones:
    """One more zone. An empty one may carry watermarks that bind nothing."""
    free, least, low, managed = (rows[field] for field in FIELDS)
    if managed == 0 or name == "Device":
        return sums
    if name in WITHOUT_KERNEL_PAGES:
        return Zones(sums.free_pages, sums.min_pages, sums.low_pages, sums.managed_pages, sums.movable_pages + managed)
    free = max(free - rows.get("nr_free_cma", 0), 0)
    return Zones(
        sums.free_pages + free, sums.min_pages + least, sums.low_pages + low, sums.managed_pages + managed,
        sums.movable_pages,
    )  # fmt: skip
