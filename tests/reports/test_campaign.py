"""Campaign: folded from outcomes one at a time, whatever their order."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from rendered import report_json, report_text

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, Outcome, Signature
from percpu_fuzz.reports.campaign import Campaign

Made = Callable[..., Campaign]


def test_sums_are_those_of_the_outcomes(make: Made) -> None:
    """Cases, steps, histograms, counts and violations add up by stream and family, as added by hand."""
    campaign = make()
    assert (campaign.cases(MEASUREMENT), campaign.cases(HUNTING)) == (400, 200)
    assert campaign.steps == 40_000 + 9_000 + 41_000 + 70_000
    few = campaign.streams[MEASUREMENT]["few"]
    assert few.histogram("waste_pages") == {1: 130, 2: 70}
    assert (few.batches, few.cases, few.ended_early, few.counts["probe.charged"]) == (2, 300, 2, 200)
    assert few.violating("I18") == 2
    assert campaign.violating(MEASUREMENT, "I18") == 3
    assert campaign.violating(HUNTING, "I18") == 4
    assert campaign.violating(MEASUREMENT, "I1") == 0


def test_the_first_case_is_that_of_the_earliest_batch(make: Made, outcomes: list[Outcome]) -> None:
    """Hunting batch 0 comes before measurement batch 1; without it, case 42 of measurement batch 1 is the first."""
    first = make().first("I18")
    assert first is not None
    assert (first[0], first[1].k, first[1].case) == (HUNTING, 0, 11)
    first = make(outcomes[:3]).first("I18")
    assert first is not None
    assert (first[0], first[1].k, first[1].case) == (MEASUREMENT, 1, 42)
    assert make().first("I1") is None


def test_the_order_of_outcomes_changes_no_byte(make: Made, outcomes: list[Outcome]) -> None:
    """Reversed outcomes render to the same text and the same JSON; one case more does not (control)."""
    one, other = make(outcomes), make(outcomes[::-1])
    assert report_text(one) == report_text(other)
    assert report_json(one) == report_json(other)
    more = [*outcomes, Outcome("hunting", 1, "few", 1, 1)]
    assert report_text(make(more)) != report_text(one)


def test_outcomes_are_not_held(make: Made) -> None:
    """200 outcomes of 4,096 bins each are folded in less than a tenth of what holding them takes (some 60 MB)."""

    def stream() -> Iterator[Outcome]:
        for k in range(200):
            yield Outcome("measurement", k, "few", 1, 1, 0, {"waste_pages": dict.fromkeys(range(4096), 1000 + k)})

    tracemalloc.start()
    try:
        campaign = make(stream())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert campaign.streams[MEASUREMENT]["few"].histogram("waste_pages")[4095] == sum(range(1000, 1200))
    assert peak < 6_000_000


def test_a_description_without_families_is_refused(make: Made) -> None:
    """A report fails on a missing field, and names it."""
    with pytest.raises(KeyError, match="families"):
        make(describe={"variant": "v2", "seed": 1})


def test_cases_of_unknown_batches_stay_in_the_count(make: Made, outcomes: list[Outcome]) -> None:
    """A batch that killed its workers counts its cases, and as unknown."""
    lost = Outcome("measurement", 3, "unknown", 50, 0, counts={"unknown": 50})
    campaign = make([*outcomes, lost])
    assert (campaign.cases(MEASUREMENT), campaign.unknown(MEASUREMENT), campaign.unknown(HUNTING)) == (450, 50, 0)


def test_a_violation_counts_its_cases_over_all_signatures(make: Made) -> None:
    """Two signatures of one invariant in one batch are two cases."""
    a, b = Signature("I9", "v2", "X", ()), Signature("I9", "v2", "Y", ())
    campaign = make([Outcome("measurement", 0, "few", 10, 10, 0, {}, {}, {a: 2, b: 3}, {a: (1, 4), b: (0, 2)})])
    first = campaign.first("I9")
    assert campaign.violating(MEASUREMENT, "I9") == 5
    assert first is not None
    assert first[1].case == 0
