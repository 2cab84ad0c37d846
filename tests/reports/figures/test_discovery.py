"""The discovery curve and its risk."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.discovery import discovery, risk_interval

Made = Callable[..., Campaign]


def kind(number: int) -> Signature:
    return Signature("I18", "v2", "PO_ACCOUNT", (number,))


def hunted(k: int, cases: int, *kinds: int) -> Outcome:
    return Outcome("hunting", k, "few", cases, 1, violations={kind(n): kinds.count(n) for n in set(kinds)})


def test_the_curve_rises_where_a_new_kind_shows(make: Made) -> None:
    """Batches of 10 cases: kinds 1 and 2, nothing new, 3; the measured kind 9 is not counted."""
    outcomes = [
        hunted(0, 10, 1, 2, 2), hunted(1, 10, 1), hunted(2, 10, 3), hunted(3, 10, 2),
        Outcome("measurement", 0, "few", 50, 1, violations={kind(9): 1}),
    ]  # fmt: skip
    found = discovery(make(outcomes))
    assert found.points == ((10, 2), (30, 3))
    assert (found.cases, found.distinct, found.seen_once, found.seen_twice) == (40, 3, 1, 1)
    assert found.risk == pytest.approx(1 / 40)


def test_without_a_case_nothing_is_known(make: Made) -> None:
    """No risk before the first case; after cases without a rare kind a risk of 0 with an open end."""
    assert discovery(make([])).risk is None
    quiet = discovery(make([hunted(0, 100)]))
    assert (quiet.risk, quiet.risk_interval.low, quiet.risk_interval.high) == (0.0, 0.0, None)


def test_the_risk_is_what_the_next_case_shows() -> None:
    """400 draws of 60 cases over 40 equal kinds: the interval misses the truth at most 40 times (nominal 20).

    The control, once / cases squared, lies far off.
    """
    rng = random.Random(3)
    missed = control = 0
    for _ in range(400):
        counts = [0] * 40
        for _ in range(60):
            counts[rng.randrange(40)] += 1
        once, truth = counts.count(1), counts.count(0) / 40
        ends = risk_interval(60, once, counts.count(2))
        missed += not (ends.low or 0.0) <= truth <= (1.0 if ends.high is None else ends.high)
        control += abs((once / 60) ** 2 - truth) > 0.06
    assert missed <= 40
    assert control > 200
