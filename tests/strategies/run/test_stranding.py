"""How many of a row of allocations succeed, against the law that follows from the precharge by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.run.stranding import HEADROOMS_PAGES, IN_A_ROW, NODES, granted_in_rows, kept_stranding


def by_shape(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[int, int], int]:
    """What rows say, by nodes and headroom."""
    return {(row["nodes"], row["headroom"]): row["granted"] for row in rows}


@pytest.fixture(scope="module")
def granted() -> dict[str, dict[tuple[int, int], int]]:
    """By variant, allocations that succeed by (nodes, headroom)."""
    return {name: by_shape(granted_in_rows(VARIANTS[name])) for name in ("base", "v2")}


def test_base_makes_all_from_two_pages_on(granted: dict[str, dict[tuple[int, int], int]]) -> None:
    """120 areas of 8 bytes on 4 CPUs cost 48 bytes each, 5,760 in all: two pages; one page holds 85 of them."""
    for nodes in NODES:
        assert [granted["base"][nodes, pages] for pages in HEADROOMS_PAGES[:2]] == [85, IN_A_ROW]


def test_v2_makes_one_where_its_precharge_fits_once(granted: dict[str, dict[tuple[int, int], int]]) -> None:
    """Below 1 + N pages none; from there to 2N pages one, for what it has stocked is less than the next asks for; from
    2N + 1 on all, where an area's bytes fit into the stocked pages.
    """
    for (nodes, pages), number in granted["v2"].items():
        if pages < 1 + nodes:
            assert number == 0
        elif pages <= 2 * nodes:
            assert number == 1
        elif nodes > 1:
            assert number == IN_A_ROW


def test_rows_carry_the_name_that_was_asked_for(granted: dict[str, dict[tuple[int, int], int]]) -> None:
    """What is kept is counted by choices: a copy under another name has the same numbers under its own."""
    rows = kept_stranding(VARIANTS["v2"])
    assert by_shape(rows) == granted["v2"]
    assert {row["variant"] for row in rows} == {"v2"}
