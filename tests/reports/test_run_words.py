"""What ended a run, in words."""

from __future__ import annotations

from collections.abc import Callable

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.sections.run_words import ended_words, rule_words

Made = Callable[..., Campaign]


def test_a_criterion_ends_with_its_interval_once(make: Made) -> None:
    """The run's own line says what the criterion came to; at each figure stands what was asked."""
    stop = "ci(p99 waste) < 0.5: p99 waste in [4, 4] at 0.95"
    campaign = make(stop=stop, stopped_by="criterion")
    assert f"--stop {stop}" in ended_words(campaign)
    assert rule_words(campaign).endswith("(--cases 600, --stop ci(p99 waste) < 0.5)")
