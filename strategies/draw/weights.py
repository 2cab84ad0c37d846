"""What the weights of families stand for, and weights of one's own in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.draw.field import FIELD_MACHINES
from percpu_fuzz.strategies.draw.topologies import MOVABLE_ONLY, Family
from percpu_fuzz.strategies.reading import read_text

SHARE_MOST = 1000  # a cycle of batches has as many places as all shares together
ALLOWED = f"NAME=SHARE,... or a file of such lines, each SHARE a whole number from 0 to {SHARE_MOST}"
STANDS_FOR = {
    "small-random": "odd machines: up to 4 nodes and 8 CPUs, any distances, memoryless and offline nodes",
    "two-node": "two sockets, all CPUs in use or two of four isolated",
    "one-node": "no NUMA: laptops, small servers, most virtual machines; its first chunk has room",
    "cxl-memoryless": "CXL memory without CPUs; CPUs without memory",
    "vm8": "the virtual machine of the series' own tests: 8 nodes, 6 of them memory alone",
    "epyc176": "one large socket: 1 node, 176 CPUs",
    "xeon80": "two large sockets: 2 nodes, 80 CPUs",
    "sparse-absent": "node ids with gaps (POWER9 with GPUs); a guest with 4 of 240 possible CPUs online",
    "wide-random": "larger odd machines: up to 16 nodes and 64 CPUs",
    "thousand": "the most that a kernel can be configured for: 1,024 nodes, 2,048 CPUs; few have it",
    MOVABLE_ONLY: "odd machines with nodes that no percpu page can lie on",
}
Weights = tuple[tuple[str, int], ...]


def stands_for(families: Sequence[Family]) -> dict[str, str]:
    """In words, by name; of the field's: the machine that it is; of one that was given: that."""
    field = dict.fromkeys(FIELD_MACHINES, "a machine that people have (docs/topologies.md)")
    return {family.name: (STANDS_FOR | field).get(family.name, "the machine that was asked for") for family in families}


def weights_in(text: str, where: str) -> Weights:
    """Of NAME=SHARE,... or of a file of them, a line each, # for remarks. InputError for what is neither."""
    rows = [row for row in text.split(",") if row.strip()]
    if "=" not in text:
        if not Path(text).is_file():
            raise InputError(where, repr(text), ALLOWED)
        lines = (line.partition("#")[0] for line in read_text(Path(text)).splitlines())
        rows, where = [line for line in lines if line.strip()], f"{where}, {text}"
    found: dict[str, int] = {}
    for row in rows:
        name, _, share = (part.strip() for part in row.partition("="))
        if not name or not (share.isascii() and share.isdecimal() and len(share) < 5 and int(share) <= SHARE_MOST):
            raise InputError(where, repr(row.strip()[:80]), ALLOWED)
        if name in found:
            raise InputError(where, f"{name!r} twice", "each family once")
        found[name] = int(share)
    if not found:
        raise InputError(where, "no family", ALLOWED)
    return tuple(found.items())


def weighed(families: Sequence[Family], weights: Weights, where: str) -> tuple[Family, ...]:
    """The families with these weights in place of their own; those of weight 0 are left out.

    InputError for a name that is none of theirs, or if none is left.
    """
    given, names = dict(weights), [family.name for family in families]
    strange = [name for name in given if name not in names]
    if strange:
        raise InputError(where, f"no family {strange[0]!r}", ", ".join(names))
    found = [replace(family, weight=given.get(family.name, family.weight)) for family in families]
    left = tuple(family for family in found if family.weight)
    if not left:
        raise InputError(where, "every family has weight 0", "a share above 0 for one of " + ", ".join(names))
    return left
