"""Words compared eight at a time, by an instruction: as the loop says that stands for it in plain mode."""

from __future__ import annotations

from typing import Any

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled_entry, plain
from percpu_fuzz.strategies.explore.state_words import BLOCK, differing
from percpu_fuzz.strategies.explore.world import aligned_words


@compiled_entry
def every_block(words: Any, was: Any, places: Any, found: Any) -> None:
    """found[k]: what differs from place places[k] on."""
    for k in range(len(places)):
        found[k] = differing(words, was, places[k])


def test_the_instruction_finds_what_the_loop_finds() -> None:
    """Each word alone in each bit, many at once, and none; from places that are on a line of the cache or not."""
    rng = np.random.default_rng(3)
    places = np.arange(4 * BLOCK - BLOCK + 1, dtype=np.uint64)
    for k in range(300):
        words = aligned_words(4 * BLOCK)
        words[:] = rng.integers(0, 1 << 63, len(words), dtype=np.uint64)
        was = words.copy()
        if k % 3 == 0:
            was[k // 3 % len(was)] ^= np.uint64(1) << np.uint64(k // 3 % 64)
        elif k % 3 == 1:
            changed = rng.random(len(was)) < 0.3
            was[changed] ^= np.uint64(1) << rng.integers(0, 64, int(changed.sum()), dtype=np.uint64)
        found = np.zeros(len(places), np.int64)
        every_block(words, was, places, found)
        assert found.tolist() == [plain(differing)(words.tolist(), was.tolist(), int(at)) for at in places]
        assert (found > 0).any() == (k % 3 != 2)


def test_a_block_is_a_line_of_the_cache() -> None:
    """Words of a search begin at a multiple of 64 bytes, whatever their number."""
    assert all(aligned_words(number).ctypes.data % 64 == 0 for number in (8, 16, 24, 1496) for _ in range(20))
