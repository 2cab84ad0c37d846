"""Where bytes are booked amiss: a batch keeps place, size and amount of those probes only, in one histogram."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import AMISS, PAIR, SIZE_CELLS
from percpu_fuzz.strategies.run.outcomes import histograms_of
from percpu_fuzz.strategies.run.tally import new_rows


def test_amiss_probes_keep_place_size_and_bytes() -> None:
    """Of 4 charged probes one of 3,000 bytes, spread, has 5,000 bytes amiss, which may exceed 20 bits; an uncharged one
    does not count, and the hunting stream keeps none.
    """
    rows = new_rows(5)
    rows["done"][:4], rows["page_size"], rows["area_bytes"] = 1, 4096, 64
    rows["area_bytes"][1], rows["place"][1], rows["misplaced"][1] = 3_000, 3, 5_000_000
    rows["misplaced"][4] = 7
    found = histograms_of(rows, "measurement")
    assert found["misplaced_where"] == {(3 * SIZE_CELLS + 12) * AMISS + 5_000_000: 1}
    assert found["misplaced_bytes"] == {0: 3, 5_000_000: 1}
    assert "misplaced_where" not in histograms_of(rows, "hunting")


def test_what_base_would_ask_for() -> None:
    """Sizes on 4 CPUs beside each other: 8 bytes are one page; 1,020 with 2,040 of obj_exts are 6,120 bytes, two; and
    1,364 on one page of 8,192 bytes with 2,728 of obj_exts are 8,184, one.
    """
    rows = new_rows(3)
    rows["done"], rows["cpus"], rows["precharge"] = 1, 4, 5
    rows["page_size"], rows["area_bytes"] = (4096, 4096, 8192), (8, 1020, 1364)
    found = histograms_of(rows, "measurement")["precharge_base"]
    assert found == {5 * PAIR + 1: 2, 5 * PAIR + 2: 1}
