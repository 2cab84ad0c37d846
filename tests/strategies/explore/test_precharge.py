"""Precharge formulas over every placement of a model page, and the enumeration itself against a literal one."""

from __future__ import annotations

import itertools
import random

import pytest
from machines import alloc, alone, machine

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.kernel.accumulate import accumulate, pages_of_node
from percpu_fuzz.engine.kernel.precharge import nr_precharge_pages
from percpu_fuzz.engine.variant import VARIANTS, WALK_EXACT, WALK_SIZE
from percpu_fuzz.strategies.explore.precharge import (
    EXT_BYTES,
    FORMULAS,
    PAGE,
    Shape,
    ShapeOnMachine,
    case_of,
    count_vectors,
    every_case,
    formula_lines,
    pieces,
    shapes,
)
from percpu_fuzz.strategies.run.replay import plain_records

CASES = every_case()


def used_by(shape: Shape, nodes: tuple[int, ...], nr_nodes: int, nr_cpus: int) -> int:
    """Pages used when page i of the area, CPU by CPU and then obj_exts, lies on nodes[i]."""
    held = [0] * nr_nodes
    for nr_bytes, node in zip(shape.payload * nr_cpus + shape.exts, nodes, strict=True):
        held[node] += nr_bytes
    return sum(-(-nr_bytes // PAGE) for nr_bytes in held)


def test_the_cases_are_those_that_were_asked_for() -> None:
    """16 sizes at 8 offsets by 2 walks on 4 x 6 machines: none is left out."""
    assert len(CASES) == 16 * 8 * 2 * 4 * 6
    assert {(c.nr_nodes, c.nr_cpus) for c in CASES} == set(itertools.product(range(1, 5), range(1, 7)))
    assert {c.shape.size_bytes for c in CASES} == set(range(4, 65, 4))


def test_ceil_plus_touched_nodes_minus_one_is_safe_everywhere() -> None:
    """used <= ceil + min(N, pages touched) - 1 for every placement, and some reach it."""
    formula = FORMULAS["ceil + min(N, pages touched) - 1"]
    assert all(case.used_pages <= formula(case) for case in CASES)
    assert any(case.used_pages == formula(case) for case in CASES)


def test_v2_keeps_a_page_in_hand() -> None:
    """ceil + N is never short and never reached."""
    assert all(case.used_pages < FORMULAS["ceil + N"](case) for case in CASES)


def test_one_page_less_is_short_on_any_number_of_nodes() -> None:
    """ceil + N - 2 has a counterexample for each N, and the lines that are printed show it."""
    formula = FORMULAS["ceil + N - 2"]
    assert {case.nr_nodes for case in CASES if case.used_pages > formula(case)} == {1, 2, 3, 4}
    text = "\n".join(formula_lines())
    assert "ceil + N - 2: short in" in text
    assert "N=2 C=1 size 4 at offset 0 (size walk): F = 12 bytes, precharge 1, used 2" in text


@pytest.mark.parametrize(("nr_nodes", "nr_cpus"), [(2, 1), (2, 2), (3, 2), (4, 1), (2, 3)])
def test_counting_alike_pages_loses_no_placement(nr_nodes: int, nr_cpus: int) -> None:
    """The most pages over count vectors are the most over all node vectors, walked one by one."""
    for shape in shapes():
        pages = len(shape.payload) * nr_cpus + len(shape.exts)
        if nr_nodes**pages > 5000 or shape.size_bytes % 12 != 0:
            continue
        vectors = itertools.product(range(nr_nodes), repeat=pages)
        most = max(used_by(shape, nodes, nr_nodes, nr_cpus) for nodes in vectors)
        assert case_of(shape, nr_nodes, nr_cpus).used_pages == most


def test_count_vectors_are_all_ways() -> None:
    """Pages alike over nodes: as many ways as multisets, each of them once and with the right sum."""
    rows = count_vectors(6, 4).tolist()
    assert len({tuple(row) for row in rows}) == 84
    assert {sum(row) for row in rows} == {6}


def test_pieces_split_at_page_ends() -> None:
    """An area's bytes by page, the first and the last page in part."""
    assert pieces(28, 64) == (4, 32, 28)
    assert pieces(0, 32) == (32,)
    assert pieces(8, 8) == (8,)


def test_the_engine_books_what_the_enumeration_says() -> None:
    """Random placements on the engine's records with a page of 32 bytes: its walk, its rounding and its formula.

    Seeded; 300 placements, each of which would show a difference in any of the three.
    """
    rng = random.Random(4)
    rows = list(shapes())
    for _ in range(300):
        case = case_of(rng.choice(rows), rng.randint(1, 4), rng.randint(1, 6))
        nodes = tuple(rng.randrange(case.nr_nodes) for _ in range(case.touched_pages))
        assert engine_books(case, nodes) == used_by(case.shape, nodes, case.nr_nodes, case.nr_cpus)


def engine_books(case: ShapeOnMachine, nodes: tuple[int, ...]) -> int:
    """Pages that the engine's accumulate and pages_of_node make of a placement; its precharge is ceil + N."""
    shape = case.shape
    topology = machine([c % case.nr_nodes for c in range(case.nr_cpus)], case.nr_nodes)
    topo, prog, state = plain_records(alone(topology, alloc(0, 64)), VARIANTS["v2-exts"])
    topo.page_size, topo.ext_size = PAGE, EXT_BYTES
    prog.v_walk = WALK_EXACT if shape.walk == "exact" else WALK_SIZE
    width = len(shape.payload)
    for cpu in range(case.nr_cpus):
        for page in range(width):
            state.page_node[2, cpu, page] = nodes[cpu * width + page]
    first = shape.offset_bytes // 4 * EXT_BYTES // PAGE
    for page in range(len(shape.exts)):
        state.ext_node[2, first + page] = nodes[case.nr_cpus * width + page]
    out = state.node_bytes
    plain(accumulate)(topo, prog, state, 2, shape.offset_bytes, shape.size_bytes, out, 0)
    assert plain(nr_precharge_pages)(topo, prog, shape.size_bytes) == FORMULAS["ceil + N"](case)
    return sum(plain(pages_of_node)(topo, prog, out[0, n]) for n in range(case.nr_nodes))
