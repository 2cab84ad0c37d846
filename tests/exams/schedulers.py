"""Schedulers at full numbers: the portfolio's runs to twelve planted bugs; a thousand schedules replayed."""

from __future__ import annotations

from typing import Any

from planted_bugs import compare_portfolio
from schedules import replay_schedules

from percpu_fuzz.strategies.plan.recipe import make_plan


def portfolio() -> dict[str, Any]:
    """12 bugs x 200 seeds: the portfolio's geometric mean of runs to the bug is at most 1.5 times the best's."""
    found = compare_portfolio(200, 5_000)
    return {"passed": found["ratio"] <= 1.5} | found


def schedules() -> dict[str, Any]:
    """1,000 random schedules, of every scheduler and family, replay to identical hashes of the whole state."""
    found = replay_schedules(make_plan("v2", 1_000), 1_000)
    return {"passed": not found["different"]} | found


LINES = {"portfolio": portfolio, "schedules": schedules}
