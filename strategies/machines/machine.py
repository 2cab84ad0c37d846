"""Machine: what importers of real machines share: lists of ids, distances and CPUs that no file tells of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import InputError
from engine.topology import LOCAL_DISTANCE, Topology

REMOTE_DISTANCE = 20
ID_MAX = 65535
MIN_UNIT_BYTES = 32768
PAGES_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Imported:
    """A topology read from a real machine; each note says one thing that had to be assumed."""

    topology: Topology
    notes: tuple[str, ...] = ()


def parse_list(text: str, where: str) -> tuple[int, ...]:
    """Ids of a kernel list such as "0-3,8"; blank is none. Raises InputError for what is no ascending list of ids."""
    ids: list[int] = []
    for part in text.strip().split(",") if text.strip() else ():
        found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if first > last or last > ID_MAX or (ids and first <= ids[-1]):
            raise InputError(where, f"list {text.strip()[:80]!r}", f'ascending ids up to {ID_MAX}, as in "0-3,8"')
        ids.extend(range(first, last + 1))
    return tuple(ids)


def show_list(ids: Iterable[int]) -> str:
    """The inverse of parse_list."""
    runs: list[list[int]] = []
    for i in ids:
        if runs and runs[-1][1] == i - 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def unit_pages_of(unit_bytes: int, page_size: int) -> int:
    """Pages of a unit of that many bytes; of an unknown one (0) 8, or the kernel's minimum if that is more."""
    return unit_bytes // page_size if unit_bytes else max(8, MIN_UNIT_BYTES // page_size)


def all_distances(
    possible: Sequence[int], known: Mapping[int, Mapping[int, int]], notes: list[str]
) -> tuple[tuple[int, ...], ...]:
    """Distances of all possible nodes, from rows that know the online ones. Appends a note if some are assumed."""
    silent = [node for node in possible if node not in known]
    if silent:
        notes.append(
            f"nodes {show_list(silent)} are possible and offline: their distances are not recorded, "
            f"{REMOTE_DISTANCE} is assumed both ways"
        )

    def one(here: int, there: int) -> int:
        assumed = LOCAL_DISTANCE if here == there else REMOTE_DISTANCE
        return known.get(here, {}).get(there, assumed)

    return tuple(tuple(one(here, there) for there in possible) for here in possible)


def spread_absent(
    possible: Sequence[int], known: Mapping[int, int], online_nodes: Sequence[int], notes: list[str]
) -> dict[int, int]:
    """cpu_to_node of all possible CPUs: those that no node lists go to the online nodes in turn, as the kernel does.

    Appends a note if there are any.
    """
    absent = [cpu for cpu in possible if cpu not in known]
    if absent:
        notes.append(
            f"CPUs {show_list(absent)} are possible and listed by no node: "
            f"spread in turn over the online nodes {show_list(online_nodes)}"
        )
    spread = {cpu: online_nodes[i % len(online_nodes)] for i, cpu in enumerate(absent)}
    return {cpu: known[cpu] if cpu in known else spread[cpu] for cpu in possible}
