"""Bytes booked on another node, by size and by placement: by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rendered import report_json, report_text

from percpu_fuzz.engine.outcome import AMISS, Outcome
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.misplaced import StratumMisplaced
from percpu_fuzz.reports.statistics.intervals import clopper_pearson

Made = Callable[..., Campaign]
PAIR = 1 << 20


def where(place: int, size: int, amount: int) -> int:
    return (place * 64 + size) * AMISS + amount


def made(make: Made, histogram: dict[int, int]) -> Campaign:
    """100 probes of a family alone: 60 of 8 bytes, local; 40 of 4 KiB, spread; 5 of the latter have bytes amiss."""
    named = {
        "waste_pages": {1: 100}, "misplaced_bytes": {0: 95, 48: 4, 5000: 1}, "misplaced_where": histogram,
        "waste_by_size": {3 * PAIR + 1: 60, 12 * PAIR + 1: 40}, "waste_by_place": {1: 60, 3 * PAIR + 1: 40},
    }  # fmt: skip
    describe = {"variant": "v2", "seed": 7, "families": {"few": 1}}
    return make([Outcome("measurement", 0, "few", 100, 1, 0, named)], describe=describe)


def strata(campaign: Campaign) -> tuple[StratumMisplaced, ...]:
    found = Figures(campaign).misplaced
    assert found is not None
    return found.strata


def test_rows_by_size_and_by_placement(make: Made) -> None:
    """5 of 40 of the large and spread ones, none of the others; the rate lies between its exact ends by cases."""
    campaign = made(make, {where(3, 12, 48): 4, where(3, 12, 5000): 1})
    rows = {(row.kind, row.value): row for row in strata(campaign)}
    assert [(key, row.probes, row.with_bytes_amiss) for key, row in rows.items()] == [
        (("size, up to", "8"), 60, 0), (("size, up to", "4K"), 40, 5),
        (("pages fall", "local"), 60, 0), (("pages fall", "spread"), 40, 5),
    ]  # fmt: skip
    large = rows["size, up to", "4K"]
    assert large.weighted is not None
    assert large.weighted.rate == pytest.approx(5 / 40)
    exact = clopper_pearson(5, 40)
    assert (large.weighted.interval.low or 0) <= (exact.low or 0)
    assert (large.weighted.interval.high or 0) >= (exact.high or 0)
    assert large.p99_bytes is not None
    assert (large.p99_bytes.value, large.max_bytes) == (5000, 5000)
    assert rows["pages fall", "local"].p99_bytes is None
    text = report_text(campaign)
    assert "By size and by where pages fall" in text
    assert max(map(len, text.splitlines())) <= 78
    stored = report_json(campaign)["misplaced"]["strata"]
    assert [row["with_bytes_amiss"] for row in stored] == [0, 5, 0, 5]


def test_a_wide_table_is_parted(make: Made) -> None:
    """Shares with tiny ends and large amounts do not fit 78 columns: how many above, how much below."""
    outcomes = []
    for k, (family, n) in enumerate((("few", 10_000_000), ("many", 9_000_000))):
        named = {
            "waste_pages": {1: n}, "misplaced_bytes": {0: n - 1, 29_376_000: 1},
            "misplaced_where": {where(1, 12, 29_376_000): 1}, "waste_by_size": {12 * PAIR + 1: n},
            "waste_by_place": {PAIR + 1: n},
        }  # fmt: skip
        outcomes.append(Outcome("measurement", k, family, n, 1, 0, named))
    text = report_text(make(outcomes))
    assert max(map(len, text.splitlines())) <= 78
    part = text[text.index("By size and by where") :]
    assert part.count("under pressure") == 2
    assert "29,376,000" in part


def test_a_store_that_did_not_count_where_has_no_rows(make: Made) -> None:
    """Without the histogram nothing is said by class, rather than that nothing is amiss."""
    assert strata(made(make, {})) == ()
    assert "By size and by where" not in report_text(made(make, {}))
