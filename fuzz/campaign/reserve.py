"""What a campaign with a time budget keeps of it for what comes after the batches: findings and reports.

Measured at the start, on this machine as it is now: one report, one stored row, one case shown.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.fuzz.campaign.log import LOGGER
from percpu_fuzz.fuzz.campaign.rendering import time_to_render
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.findings.helpers import CUT_SECONDS
from percpu_fuzz.fuzz.findings.pick import picks_most
from percpu_fuzz.fuzz.findings.showing import shown
from percpu_fuzz.strategies.plan import canary
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import Batches, run_alone

MOST_SECONDS, MOST_SHARE = 30.0, 0.07  # for findings: at most, and
SHORT_SECONDS, SHORT_SHARE = 2.0, 0.25  # of a short campaign more
LEAST_SECONDS = 0.5  # for findings even if the batches took all of --time
CASE_FACTOR = 4.0  # a drawn case of any machine takes so many times what the canary's takes, two workers at it


@dataclass(frozen=True, slots=True)
class Reserve:
    """Seconds: report_seconds for an empty report and row_seconds more for each row; case_seconds for each case that
    will be shown, by one worker, within most_seconds.
    """

    report_seconds: float = 0.0
    row_seconds: float = 0.0
    case_seconds: float = 0.0
    most_seconds: float = 0.0

    def reports(self, rows: int) -> float:
        """For reading the rows and writing all reports."""
        return self.report_seconds + rows * self.row_seconds

    def findings(self, violations: Mapping[str, int], cases: int, workers: int) -> float:
        """For shrinking what a campaign of so many cases picks of its violating cases by invariant, and for asking
        those at work to come to an end.
        """
        picks = sum(min(found, picks_most(cases)) for found in violations.values())
        if not picks:
            return LEAST_SECONDS
        wanted = picks * self.case_seconds / min(workers, picks)
        return min(self.most_seconds, LEAST_SECONDS + wanted + CUT_SECONDS)


def measured(batches: Batches, budget: float) -> Reserve:
    """What to keep of so many seconds. Libraries that reports and findings need are loaded here and not again."""
    whole, row_seconds = time_to_render(batches.plan.describe(), batches.outcome(MEASUREMENT, 0))
    if batches.plan.waste_only:  # nothing will be found
        return Reserve(whole, row_seconds)
    most = min(MOST_SECONDS, max(MOST_SHARE * budget, min(SHORT_SECONDS, SHORT_SHARE * budget)))
    return Reserve(whole, row_seconds, CASE_FACTOR * time_to_show(canary.batch_of(0)), most)


def time_to_show(planted: Batch) -> float:
    """Seconds to draw again, shrink and tell a canary's first violating case; 0 if it cannot be, which the campaign
    itself reports.
    """
    outcome = run_alone(planted)
    if not outcome.first_cases:
        return 0.0
    signature = min(outcome.first_cases)
    start = time.perf_counter()
    try:
        shown(planted, outcome.first_cases[signature][0], [signature])
    except HarnessError as error:
        LOGGER.error("a canary cannot be shown: %s", error)
        return 0.0
    return time.perf_counter() - start
