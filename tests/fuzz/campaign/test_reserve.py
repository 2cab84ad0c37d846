"""What is kept of --time follows what there will be to show, and never more than its share."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.campaign.dispatcher import Limits, LiveCounters
from percpu_fuzz.fuzz.campaign.reserve import CASE_FACTOR, LEAST_SECONDS, Reserve, measured, time_to_show
from percpu_fuzz.fuzz.findings.helpers import CUT_SECONDS
from percpu_fuzz.fuzz.findings.pick import PICKS_LEAST, PICKS_MOST
from percpu_fuzz.strategies.draw.topologies import preset, single_family
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan

ONE = Reserve(report_seconds=1.0, row_seconds=0.01, case_seconds=0.4, most_seconds=4.2)


def test_a_clean_campaign_keeps_a_moment_for_a_late_finding() -> None:
    """Nothing broken: no more than what a violation in the last batch would be given."""
    assert ONE.findings({}, 1_000_000, 2) == LEAST_SECONDS


def test_time_for_findings_follows_the_cases_that_will_be_shown() -> None:
    """Two cases of one invariant in a short campaign, each by one worker; one violating case has one worker."""
    least = LEAST_SECONDS + CUT_SECONDS
    assert ONE.findings({"I8": 5000}, 100, 2) == pytest.approx(least + PICKS_LEAST * 0.4 / 2)
    assert ONE.findings({"I8": 1}, 100, 2) == pytest.approx(least + 0.4)
    assert ONE.findings({"I8": 5000}, 100, 1) == pytest.approx(least + PICKS_LEAST * 0.4)


def test_a_long_campaign_keeps_its_share_at_most() -> None:
    """Forty cases would want eight seconds: the share of the budget bounds it."""
    assert ONE.most_seconds < 4 * PICKS_MOST * 0.4 / 2
    assert ONE.findings(dict.fromkeys(("I8", "I9", "I12", "I18"), 10_000), 10_000_000, 2) == ONE.most_seconds


def test_reports_take_longer_with_more_rows() -> None:
    """Each stored batch is read again for the reports."""
    assert ONE.reports(100) == pytest.approx(2.0)


def test_measured_on_this_machine() -> None:
    """Every part is measured, none is zero; the share is that of a campaign of a minute."""
    found = measured(Batches(make_plan("v2", 1)), 60.0)
    assert min(found.report_seconds, found.row_seconds, found.case_seconds) > 0
    assert found.most_seconds == pytest.approx(4.2)
    assert found.case_seconds / CASE_FACTOR < 60


def test_a_resumed_campaign_keeps_its_whole_share() -> None:
    """What earlier sessions broke is picked and shrunk again, though this session has not seen it."""
    limits = Limits(None, 100.0, Fraction(1, 2), 2, reserve=Reserve(most_seconds=7.0))
    assert not limits.is_over(99.0, 0, LiveCounters())
    assert limits.is_over(99.0, 0, LiveCounters(), resumed=True)
    assert not limits.is_over(92.9, 0, LiveCounters(), resumed=True)


def test_a_dead_canary_is_left_to_the_campaign() -> None:
    """A planted mistake that is not found has no time; the campaign runs, and reports the canary."""
    dead = Plan(VARIANTS["fixed"], 1, single_family(preset("two-node")), scheduler="random")
    assert time_to_show(replace(dead.batch_of("hunting", 0), cases=50)) == 0.0
