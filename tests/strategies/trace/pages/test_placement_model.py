"""Placing pages that no record places: the nearest node with memory, or fallback in runs."""

from __future__ import annotations

import numpy as np
import pytest

from percpu_fuzz.engine.topology import Cpu, Node, Topology
from percpu_fuzz.strategies.draw.calibration import Chain
from percpu_fuzz.strategies.trace.pages.placement_model import in_runs, local, nearest

MEMORYLESS = Topology(
    name="memoryless",
    nodes=(Node(0), Node(1, pages=1000), Node(2, pages=1000)),
    cpus=(Cpu(0, 0), Cpu(1, 0), Cpu(2, 1), Cpu(3, 2)),
    distances=((10, 30, 20), (30, 10, 25), (20, 25, 10)),
    unit_pages=512,
)


def test_a_node_without_memory_gets_no_page() -> None:
    """CPUs of node 0 have their pages on node 2, the nearest with memory, though node 1 comes first by number."""
    assert nearest(MEMORYLESS) == [2, 2, 1, 2]
    assert local(MEMORYLESS)().tolist() == [[node] * 512 for node in (2, 2, 1, 2)]


@pytest.mark.parametrize("seed", range(3))
def test_fallback_has_the_recorded_shares_and_runs(seed: int) -> None:
    """Over 200 chunks the share of pages on the second entry is the recorded 30%, and a page in 50 switches.

    About 2,050 switches of a CPU in 102,400 pages: five standard deviations are 0.22 of 2 points. Pages of a run are
    one draw, of which there are about 2,400: five deviations of the share are 4.7 points.
    """
    pressure = Chain((700, 300), switches=20, pairs=1000)
    fill = in_runs(MEMORYLESS, pressure, seed)
    pages = np.concatenate([fill() for _ in range(200)], axis=1)
    assert set(np.unique(pages)) == {1, 2}
    assert (pages[0] == pages[1]).all()
    assert abs((pages[0] != 2).mean() - 0.3) < 0.047
    assert abs((np.diff(pages[0]) != 0).mean() - 0.02) < 0.003


def test_without_fallback_it_is_local() -> None:
    """Control: a chain that never leaves the first entry places as the local model does."""
    fill = in_runs(MEMORYLESS, Chain((5, 0, 0), 0, 4), 1)
    assert (fill() == local(MEMORYLESS)()).all()


def test_equal_seeds_place_equally() -> None:
    """The same seed gives the same pages, another one others."""
    pressure = Chain((1, 1), 1, 10)
    first, second, other = (in_runs(MEMORYLESS, pressure, seed)() for seed in (1, 1, 2))
    assert (first == second).all()
    assert (first != other).any()
