"""What the importers share: lists of ids, assumed distances, absent CPUs."""

from __future__ import annotations

import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.machines.machine import all_distances, parse_list, show_list, spread_absent, unit_pages_of


@pytest.mark.parametrize(
    ("text", "ids"),
    [("0-3,8\n", (0, 1, 2, 3, 8)), ("0", (0,)), ("\n", ()), ("", ()), ("0,8,252-255", (0, 8, 252, 253, 254, 255))],
)
def test_lists_of_ids(text: str, ids: tuple[int, ...]) -> None:
    """The kernel's form of a mask, read and written."""
    assert parse_list(text, "f") == ids
    assert show_list(ids) == text.strip()


@pytest.mark.parametrize("text", ["a", "3-1", "1,1", "2,1", "0-", "-1", "0,,1", "0-99999999", "0-7:1/2", "0x1", "1 2"])
def test_text_that_is_no_list_is_refused(text: str) -> None:
    """Descending, doubled and endless lists too; the message names the file."""
    with pytest.raises(InputError, match=r"^node/online: list"):
        parse_list(text, "node/online")


def test_distances_of_offline_nodes_are_assumed_and_noted() -> None:
    """20 both ways between an offline node and any other; the online ones keep theirs, asymmetric or not."""
    notes: list[str] = []
    assert all_distances((0, 2, 5), {0: {0: 10, 5: 40}, 5: {0: 30, 5: 10}}, notes) == (
        (10, 20, 40),
        (20, 10, 20),
        (30, 20, 10),
    )
    assert len(notes) == 1
    assert "nodes 2 are possible and offline" in notes[0]


def test_distances_of_online_nodes_need_no_note() -> None:
    """Nothing is assumed, so nothing is said."""
    notes: list[str] = []
    assert all_distances((0,), {0: {0: 10}}, notes) == ((10,),)
    assert notes == []


def test_absent_cpus_go_to_nodes_with_memory_in_turn() -> None:
    """The turn counts all CPUs, those too that have a node: x86 lays it before it knows of any."""
    notes: list[str] = []
    nodes = spread_absent(range(8), {0: 4, 1: 4, 4: 0}, (0, 4, 6), notes)
    assert nodes == {0: 4, 1: 4, 2: 6, 3: 0, 4: 0, 5: 6, 6: 0, 7: 4}
    assert len(notes) == 1
    assert "CPUs 2-3,5-7" in notes[0]


@pytest.mark.parametrize(
    ("unit", "page", "pages"), [(0, 4096, 8), (0, 65536, 8), (2097152, 4096, 512), (65536, 65536, 1)]
)
def test_pages_of_a_unit(unit: int, page: int, pages: int) -> None:
    """A known unit is taken as it is, an unknown one is 8 pages."""
    assert unit_pages_of(unit, page) == pages
