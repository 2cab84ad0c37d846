"""Reads /proc/zoneinfo: free pages and watermarks of each node, as an addition to what another file says."""

from __future__ import annotations

import re
from dataclasses import dataclass

from percpu_fuzz.engine.errors import InputError

ZONE_ROW = re.compile(r"^Node +(\d{1,9}), zone +(\S+) *$", re.MULTILINE)
PAGES_ROW = re.compile(r"^ +(?:pages )?(free|min|low|managed) +(\d{1,18}) *$", re.MULTILINE)
FIELDS = ("free", "min", "low", "managed")
ZONEINFO = "/proc/zoneinfo as the kernel prints it"


@dataclass(frozen=True, slots=True)
class Zones:
    """Sums over the populated zones of a node, in pages of the machine. managed_pages is 0 without memory."""

    free_pages: int = 0
    min_pages: int = 0
    low_pages: int = 0
    managed_pages: int = 0


def parse_zoneinfo(text: str, where: str) -> dict[int, Zones]:
    """The zones of each node that the text has. Raises InputError for a zone without its rows, or no zone at all."""
    found = list(ZONE_ROW.finditer(text))
    if not found:
        raise InputError(where, "no line `Node N, zone NAME`", ZONEINFO)
    sums: dict[int, Zones] = {}
    seen: set[tuple[str, str]] = set()
    for this, following in zip(found, [*found[1:], None], strict=True):
        title = " ".join(this[0].split())
        if this.groups() in seen:
            raise InputError(where, f"{title!r} twice", ZONEINFO)
        seen.add((this[1], this[2]))
        rows: dict[str, int] = {}
        for row in PAGES_ROW.finditer(text, this.end(), following.start() if following else len(text)):
            rows.setdefault(row[1], int(row[2]))
        missing = [name for name in FIELDS if name not in rows]
        if missing:
            raise InputError(where, f"{title!r} without {', '.join(missing)}", ZONEINFO)
        node = int(this[1])
        sums[node] = _plus(sums.get(node, Zones()), *(rows[name] for name in FIELDS))
    return sums


def _plus(sums: Zones, free: int, least: int, low: int, managed: int) -> Zones:
    """One more zone. An empty one may carry watermarks that bind nothing."""
    if managed == 0:
        return sums
    return Zones(sums.free_pages + free, sums.min_pages + least, sums.low_pages + low, sums.managed_pages + managed)
