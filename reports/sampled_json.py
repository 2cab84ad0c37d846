"""report.json and the --json line of a campaign that sampled wasted precharge alone: nothing in it is of checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from msgspec import to_builtins

from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.reports.figures.estimates import Sampled
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.statistics.intervals import LEVEL
from percpu_fuzz.reports.value_types import Count, Share


@dataclass(frozen=True, slots=True)
class SampledReport:
    """checked: that nothing was. waste: by weight first, then each family; quantiles by q up to 0.9999."""

    schema: Literal[1]
    checked: Literal[False]
    variant: str
    seed: Count
    cases: Count
    steps: Count
    seconds: float
    digest: str
    level: Share
    waste: list[Sampled]
    configuration: Mapping[str, Any]
    command: str
    workers: Count
    interrupted: bool
    exit: Count


def sampled_json(figures: Figures, exit_status: int) -> dict[str, Any]:
    """As it is written."""
    campaign = figures.campaign
    made = SampledReport(
        1, False, campaign.variant, campaign.seed, campaign.cases(MEASUREMENT), campaign.steps, campaign.seconds,
        campaign.digest, LEVEL, figures.sampled, dict(campaign.describe), campaign.command, campaign.workers,
        campaign.interrupted, exit_status,
    )  # fmt: skip
    return cast(dict[str, Any], to_builtins(made, str_keys=True))
