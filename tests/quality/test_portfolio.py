"""The portfolio of the hunting stream against each of its schedulers, in runs to the planted bugs."""

from __future__ import annotations

from planted_bugs import compare_portfolio

SEEDS = 20
MOST = 1_000


def test_the_portfolio_is_not_far_from_the_best_scheduler() -> None:
    """Over 12 bugs x 20 seeds its geometric mean of runs to the bug is at most 1.5 times that of the best scheduler.

    Both means are about 12 with a relative error of about 8%, so that a wrong verdict is some four deviations away.
    Control: the same measure rejects all but a few schedulers by themselves. `make exam` takes 200 seeds.
    """
    found = compare_portfolio(SEEDS, MOST)
    assert found["ratio"] <= 1.5, found
    too_slow = [name for name, runs in found["alone"].items() if runs > 1.5 * found["best_runs"]]
    assert {"pct 2", "pct 3", "preemption 2", "round-robin"} <= set(too_slow)
