"""NUMBA_BOUNDSCHECK=1 makes an index out of range an error, even after an unchecked run filled a cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_tree import IN_ONE_FOLDER, TinyTree

# The row is a view of five of ten cells, so that the planted read stays inside memory that belongs to it.
PROBE = """
import numpy as np
from percpu_fuzz.engine.core.compiled import compiled_entry

TASKS = np.dtype([("pc", "i4", (3,)), ("after", "i4")])


@compiled_entry
def read(rows, i):
    return rows[i]


@compiled_entry
def read_field(record, i):
    return record.pc[i]


def run(what, i):
    if what == "array":
        return int(read(np.arange(10)[:5], i))
    records = np.zeros(1, dtype=TASKS)
    records[0]["after"] = 5
    return int(read_field(records[0], i))
"""
RUN = "from percpu_fuzz.strategies.probe import run; print(run({!r}, {}))"


@pytest.fixture
def tree(tmp_path: Path) -> TinyTree:
    tree = TinyTree(tmp_path)
    tree.write("strategies/probe.py", PROBE)
    return tree


@pytest.mark.parametrize(("what", "last"), [("array", 4), ("field", 2)])
def test_index_out_of_range_fails_after_an_unchecked_run(tree: TinyTree, what: str, last: int) -> None:
    """Unchecked, one past the end reads the neighbour; with the flag the same entry raises, in either order of runs."""
    outside = RUN.format(what, last + 1)
    assert tree.run(outside) == "5"
    assert tree.run(outside, NUMBA_BOUNDSCHECK="1").startswith("IndexError: index is out of bounds")
    assert tree.run(outside) == "5"
    assert tree.run(RUN.format(what, last), NUMBA_BOUNDSCHECK="1") == ("4" if what == "array" else "0")
    assert len(tree.folders()) == 2


def test_one_folder_for_both_would_check_nothing(tree: TinyTree) -> None:
    """Control: from a cache that an unchecked run filled, the flag alone does not make the read fail."""
    outside = IN_ONE_FOLDER + RUN.format("array", 5)
    assert tree.run(outside) == "5"
    assert tree.run(outside, NUMBA_BOUNDSCHECK="1") == "5"
