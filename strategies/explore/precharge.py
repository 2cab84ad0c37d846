"""Precharge formulas by enumeration: every way that pages can lie, on a model small enough to see all of them.

A page has 32 bytes, obj_exts entries 8 a granule; an area of `size_bytes` at every offset in its page, C possible CPUs,
N nodes, every assignment of a node to each payload page of each CPU and to each page of the obj_exts slice. Pages used
are the sum over nodes of ceil(bytes / page).

Two facts make all of them countable. A full page adds one to its node's sum wherever it lies, so only pages that are
partly used matter. And CPUs are alike: of the pages at one place of C units it matters how many lie on each node, so
vectors of counts stand for all vectors of nodes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

PAGE = 32
EXT_BYTES = 8
GRANULE = 4
SIZES = range(4, 65, 4)
NODE_COUNTS = range(1, 5)
CPU_COUNTS = range(1, 7)
WALKS = ("size", "exact")


@dataclass(frozen=True, slots=True)
class Shape:
    """An area: bytes it takes of each page of a unit in order, and of each page of its obj_exts slice.

    walk: "size" counts the unit's pages from the size alone, as 6/9 does; "exact" with the offset in the page.
    """

    size_bytes: int
    offset_bytes: int
    walk: str
    payload: tuple[int, ...]
    exts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShapeOnMachine:
    """A shape on a machine: full size in bytes, pages touched, and the most pages that any placement uses."""

    shape: Shape
    nr_nodes: int
    nr_cpus: int
    full_bytes: int
    touched_pages: int
    used_pages: int

    @property
    def placements(self) -> int:
        """How many node vectors the case stands for."""
        return int(self.nr_nodes**self.touched_pages)


Formula = Callable[[ShapeOnMachine], int]
FORMULAS: dict[str, Formula] = {
    "ceil + min(N, pages touched) - 1": lambda c: ceil_pages(c) + min(c.nr_nodes, c.touched_pages) - 1,
    "ceil + N": lambda c: ceil_pages(c) + c.nr_nodes,
    "ceil + N - 2": lambda c: ceil_pages(c) + c.nr_nodes - 2,
}


def ceil_pages(case: ShapeOnMachine) -> int:
    """Pages that all bytes of a case fill, the last one partly: what it would use if they lay side by side."""
    return -(-case.full_bytes // PAGE)


def pieces(begin: int, nr_bytes: int) -> tuple[int, ...]:
    """How many bytes of [begin, begin + nr_bytes) each page holds, in order."""
    ends = [begin, *range((begin // PAGE + 1) * PAGE, begin + nr_bytes, PAGE), begin + nr_bytes]
    return tuple(b - a for a, b in itertools.pairwise(ends))


def shapes() -> Iterator[Shape]:
    """Every size at every offset, by both walks."""
    for size_bytes, offset_bytes, walk in itertools.product(SIZES, range(0, PAGE, GRANULE), WALKS):
        payload = pieces(offset_bytes if walk == "exact" else 0, size_bytes)
        exts = pieces(offset_bytes // GRANULE * EXT_BYTES, size_bytes // GRANULE * EXT_BYTES)
        yield Shape(size_bytes, offset_bytes, walk, payload, exts)


@lru_cache
def count_vectors(pages: int, nr_nodes: int) -> Any:
    """Every way to spread `pages` alike pages over nodes: an int16 array (ways, nr_nodes)."""
    rows = [
        [bars.count(n) for n in range(nr_nodes)]
        for bars in itertools.combinations_with_replacement(range(nr_nodes), pages)
    ]
    return np.array(rows, dtype=np.int16).reshape(-1, nr_nodes)


@cache
def most_used(partial: tuple[tuple[int, int], ...], nr_nodes: int) -> int:
    """The largest sum over nodes of ceil(bytes / page) when `partial` holds (bytes, pages alike)."""
    rows = np.zeros((1, nr_nodes), dtype=np.int16)
    for nr_bytes, alike in partial:
        spread = count_vectors(alike, nr_nodes) * np.int16(nr_bytes)
        rows = (rows[:, None, :] + spread[None, :, :]).reshape(-1, nr_nodes)
    return int(((rows + (PAGE - 1)) // PAGE).sum(axis=1).max())


def case_of(shape: Shape, nr_nodes: int, nr_cpus: int) -> ShapeOnMachine:
    """The most pages that any placement of a shape uses on nr_nodes nodes and nr_cpus CPUs."""
    alike = [(nr_bytes, nr_cpus) for nr_bytes in shape.payload] + [(nr_bytes, 1) for nr_bytes in shape.exts]
    full = sum(pages for nr_bytes, pages in alike if nr_bytes == PAGE)
    partial = tuple(sorted(part for part in alike if part[0] != PAGE))
    return ShapeOnMachine(
        shape, nr_nodes, nr_cpus, shape.size_bytes * nr_cpus + shape.size_bytes // GRANULE * EXT_BYTES,
        sum(pages for _, pages in alike), full + most_used(partial, nr_nodes),
    )  # fmt: skip


def every_case() -> list[ShapeOnMachine]:
    """All shapes on all machines, the smallest machines and areas first."""
    rows = list(shapes())
    return [case_of(shape, n, c) for n in NODE_COUNTS for c in CPU_COUNTS for shape in rows]


def formula_lines() -> list[str]:
    """Each formula over all cases: safe, and how often it is reached, or how often it falls short and where first."""
    cases = every_case()
    lines = [
        f"Page {PAGE} bytes, sizes {SIZES[0]} to {SIZES[-1]} in steps of {GRANULE}, every offset, both walks, obj_exts "
        f"included: N <= {NODE_COUNTS[-1]}, C <= {CPU_COUNTS[-1]}:",
        f"{len(cases)} cases, which stand for {sum(case.placements for case in cases):.3e} node vectors.",
    ]
    for name, formula in FORMULAS.items():
        short = [case for case in cases if case.used_pages > formula(case)]
        met = sum(case.used_pages == formula(case) for case in cases)
        if not short:
            lines.append(f"{name}: used <= precharge everywhere; equal in {met} cases")
            continue
        lines.append(f"{name}: short in {len(short)} cases; the first for each N:")
        for n in NODE_COUNTS:
            worst = next((case for case in short if case.nr_nodes == n), None)
            if worst is not None:
                lines.append("  " + counterexample(worst, formula))
    return lines


def counterexample(case: ShapeOnMachine, formula: Formula) -> str:
    """One case in which a formula is short."""
    return (
        f"N={case.nr_nodes} C={case.nr_cpus} size {case.shape.size_bytes} at offset {case.shape.offset_bytes} "
        f"({case.shape.walk} walk): F = {case.full_bytes} bytes, precharge {formula(case)}, used {case.used_pages}"
    )
