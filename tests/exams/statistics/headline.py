"""What a minute says about wasted precharge: seats of families by weight and probes alone, and as it is now."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

from stored_campaigns import in_parallel

from percpu_fuzz.engine.histograms import OF_VALUE_SQUARES
from percpu_fuzz.engine.outcome import MEASUREMENT, Outcome
from percpu_fuzz.reports.campaign import RunFacts, gather
from percpu_fuzz.reports.figures.estimates import Distribution
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.recipe import make_plan

SEEDS = range(1, 11)
CPU_SECONDS = 36.0  # what 60 seconds on two cores leave the measurement stream, beside hunting, findings and reports
WIDTH_MOST = 0.25  # of the mean
P99_FACTOR_MOST = 3.0


@dataclass
class Spent:
    """A measurement stream as far as the time went: batches in order; CPU seconds and cases by family."""

    plan_facts: dict[str, object]
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    cases: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def by_family(self) -> dict[str, tuple[int, float]]:
        """(cases, CPU seconds)."""
        return {name: (self.cases[name], round(self.seconds[name], 2)) for name in sorted(self.cases)}


def spent(batches: Batches, cpu_seconds: float = CPU_SECONDS) -> Spent:
    """Batches of the measurement stream, for so much CPU time of this process."""
    found = Spent(batches.plan.describe())
    while sum(found.seconds.values()) < cpu_seconds:
        before = time.process_time()
        outcome = batches.outcome(MEASUREMENT, len(found.outcomes))
        found.seconds[outcome.family] += time.process_time() - before
        found.cases[outcome.family] += outcome.cases
        found.outcomes.append(outcome)
        if batches.pilot == len(found.outcomes):
            batches.take_pilot(found.outcomes)
    return found


def probes_alone(outcome: Outcome) -> Outcome:
    """As if only the marked allocation of each case had been counted."""
    return replace(outcome, counts={n: k for n, k in outcome.counts.items() if not n.endswith(OF_VALUE_SQUARES)})


def said(found: Spent, outcomes: list[Outcome]) -> dict[str, Any]:
    """What a report would say of it."""
    waste: Distribution = Figures(gather(outcomes, RunFacts(describe=found.plan_facts))).pooled["waste_pages"]
    low, high = waste.mean_interval.low, waste.mean_interval.high
    p99 = waste.quantiles[0.99]
    assert low is not None
    assert high is not None
    ends = p99.interval.low, p99.interval.high
    factor = None if None in ends or not ends[0] else ends[1] / ends[0]  # type: ignore[operator]
    return {
        "mean": round(waste.mean, 2), "interval": (round(low, 2), round(high, 2)),
        "width": round((high - low) / waste.mean, 3), "p99": (p99.value, *ends), "p99 factor": factor,
        "families": found.by_family(),
    }  # fmt: skip


def of_seed(seed: int) -> dict[str, Any]:
    """Before: seats by weight, of a plan that does not learn, and probes alone. After: as a campaign does it."""
    by_weight = Batches(make_plan("v2", seed, learns=False))
    by_weight.warm()
    before = spent(by_weight)
    after = spent(Batches(make_plan("v2", seed)))
    return {
        "seed": seed, "before": said(before, [probes_alone(one) for one in before.outcomes]),
        "after": said(after, after.outcomes),
    }  # fmt: skip


def headline(seeds: range = SEEDS) -> dict[str, Any]:
    """Every seed's interval of the mean is at most 25% of it wide and p99 known to a factor of 3, `thousand` inside."""
    rows = in_parallel(of_seed, list(seeds))
    good = [
        row["after"]["width"] <= WIDTH_MOST and (row["after"]["p99 factor"] or 1e9) <= P99_FACTOR_MOST for row in rows
    ]
    return {"passed": all(good), "seeds": len(rows), "good": sum(good), "cpu_seconds_each": CPU_SECONDS, "rows": rows}


LINES = {"headline": headline}
