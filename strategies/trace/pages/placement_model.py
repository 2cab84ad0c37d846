"""Where pages lie that no record places: a model, so what rests on it has a range and no single value.

Without pressure a page lies on the first node of its CPU's zonelist; a node without memory gets none. Under pressure it
falls back in runs, as recorded kernels do (a node is full or it is not, for all its CPUs alike): a chain over the pages
in the order of their chunks, which stays where it is or draws anew how far along the zonelist the pages go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.strategies.draw.calibration import Chain

Filler = Callable[[], Any]
"""Called once for each chunk that is seen: (possible CPUs, pages of a unit) indices of nodes."""


def nearest(topology: Topology) -> list[int]:
    """For each possible CPU the index of the first node of its zonelist."""
    return [topology.node_index[topology.zonelists[cpu.node][0]] for cpu in topology.cpus]


def local(topology: Topology) -> Filler:
    """Every page on the nearest node with memory."""
    rows = np.array(nearest(topology), dtype=np.int8)[:, None].repeat(topology.unit_pages, axis=1)
    return lambda: rows


def in_runs(topology: Topology, chain: Chain, seed: int) -> Filler:
    """Fallback in runs at the recorded rate, CPUs of one node alike; the same seed gives the same pages."""
    rng = np.random.Generator(np.random.PCG64(seed))
    lists = [(cpu.node, [topology.node_index[n] for n in topology.zonelists[cpu.node]]) for cpu in topology.cpus]
    weights = np.array(chain.steps, dtype=np.float64)
    weights /= weights.sum()
    now = {home: int(rng.choice(len(weights), p=weights)) for home in sorted({home for home, _ in lists})}

    def fill() -> Any:
        out = np.zeros((len(lists), topology.unit_pages), dtype=np.int8)
        for page in range(topology.unit_pages):
            for home in now:
                if rng.random() < chain.redraw:
                    now[home] = int(rng.choice(len(weights), p=weights))
            for cpu, (home, found) in enumerate(lists):
                out[cpu, page] = found[min(now[home], len(found) - 1)]
        return out

    return fill
