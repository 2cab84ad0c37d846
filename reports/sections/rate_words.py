"""Rates and where they were seen, in the words that every section uses."""

from __future__ import annotations

import re

from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.rates import Reading
from percpu_fuzz.reports.numbers import decimals_within, lower_percent, number, percent, upper_percent
from percpu_fuzz.reports.statistics.intervals import Interval
from percpu_fuzz.reports.statistics.strata import Rate

NAMES_CODE = re.compile(r"\.py(:|$)")  # FILE.py or FILE.py:NAME


def estimate_words(rate: float | None, interval: Interval) -> str:
    """A rate [low, high] in percent, to two digits of the interval's width; ends rounded outwards, '-' for open."""
    low, high = interval.low, interval.high
    decimals = decimals_within(low, high)
    return f"{percent(rate, decimals)} [{lower_percent(low, decimals)}, {upper_percent(high, decimals)}]"


def rate_cell(rate: Rate | None) -> str:
    """28% [27%, 30%]; '-' for what is not known."""
    return "-" if rate is None else estimate_words(rate.rate, rate.interval)


def reading_words(reading: Reading) -> str:
    """k of n with what it says of the rate."""
    words = f"{number(reading.k)} of {number(reading.n)} cases"
    if reading.n == 0:
        return f"{words}: no estimate"
    if reading.upper_bound is not None:
        return f"{words}: at most {upper_percent(reading.upper_bound)}"
    return f"{words}: {estimate_words(reading.k / reading.n, reading.interval)}"


def replay_line(campaign: Campaign, finding: str) -> str:
    """The command that replays a finding, quoted for a shell. The file names its variant, but code has to be typed."""
    code = ["--variant", campaign.variant] if NAMES_CODE.search(campaign.variant) else []
    return shell_line(["percpu-fuzz", "replay", f"{campaign.out}/{finding}", *code])
