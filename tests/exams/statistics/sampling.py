"""The fast sampler of wasted precharge against the full engine, on ten families and machines.

Samples are drawn apart, so that the comparison is one of two samples; that equal draws give equal figures, case by
case, is a test (tests/strategies/run/test_sampling.py).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from stored_campaigns import in_parallel

from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.campaign import Sums
from percpu_fuzz.reports.figures.estimates import tails
from percpu_fuzz.reports.figures.families import Family, averages_of
from percpu_fuzz.reports.quantities import WASTE
from percpu_fuzz.reports.statistics.averages import ratio_error
from percpu_fuzz.strategies.plan.batch import Batch
from percpu_fuzz.strategies.plan.batches import machinery_of, run_alone
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.outcomes import every_allocation
from percpu_fuzz.strategies.run.sampling import sample_cases
from percpu_fuzz.strategies.run.tally import new_rows, new_tally

CPU_SECONDS = 12.0  # for each of both, on each family
SEED = 77
MISTAKE = 0.001  # chance that the comparison errs where both draw from one law
CASES = {"thousand": 100}  # of a batch
FAR = 0.9999
RATE = "cases a CPU second, full and fast"


@dataclass
class Drawn:
    """What one of the two showed of a family."""

    sums: Sums
    seconds: float = 0.0

    @property
    def mean(self) -> tuple[float, float]:
        """Mean waste in pages over charged allocations, and its variance."""
        found = averages_of(self.sums, WASTE.histogram)
        assert found is not None
        error = ratio_error([(1.0, self.sums.cases, found)])
        assert error is not None
        return error


def batch_of(family: str, draw: int) -> Batch:
    """A batch of a family by the number that it draws."""
    plan = make_plan("v2", SEED)
    batch = next(b for b in (plan.batch_of(MEASUREMENT, k) for k in range(plan.pilot)) if b.family.name == family)
    return replace(batch, cases=CASES.get(family, 4_000), draw=draw)


def drawn(family: str, first: int, *, waste_only: bool) -> Drawn:
    """Batches from number `first` on, for so much CPU time."""
    found, draw = Drawn(Sums()), first
    run_alone(replace(batch_of(family, 0), cases=1, waste_only=waste_only))
    while found.seconds < CPU_SECONDS:
        batch = replace(batch_of(family, draw), waste_only=waste_only)
        start = time.process_time()
        outcome = run_alone(batch)
        found.seconds += time.process_time() - start
        found.sums.add(outcome)
        draw += 1
    return found


def first_charges(family: str, draw: int, batches: int) -> Drawn:
    """The control: a sampler that ends a case with its first charge, so that no allocation follows on another."""
    found = Drawn(Sums())
    for k in range(batches):
        batch = batch_of(family, draw + k)
        machinery, tally = machinery_of(batch), new_tally(new_rows(batch.cases))
        batch.write_sched(machinery.scheds[0])
        sample_cases(batch.family.topos, machinery, np.uint64(batch.key), batch.tables, batch.corpus, tally)
        allocs = tally.allocs[: tally.sums[0]["nr_allocs"]]
        histograms, counts = every_allocation(allocs[np.diff(allocs["case"], prepend=-1) > 0])
        found.sums.cases += batch.cases
        found.sums.counts.update(counts)
        for name, counted in histograms.items():
            total = found.sums.histograms.setdefault(name, {})
            for value, number in counted.items():
                total[value] = total.get(value, 0) + number
    return found


def apart(one: Drawn, other: Drawn) -> float:
    """Difference of the means in standard errors."""
    (mean, variance), (there, its_variance) = one.mean, other.mean
    return (mean - there) / math.sqrt(variance + its_variance)


def of_family(name: str) -> dict[str, Any]:
    """Both samplers and the control on one family, with cases a CPU second beside each other."""
    family = batch_of(name, 0).family
    full, fast = drawn(name, 1_000, waste_only=False), drawn(name, 500_000, waste_only=True)
    control = first_charges(name, 900_000, max(1, full.sums.cases // batch_of(name, 0).cases // 2))
    spans = (family.nodes_max, family.nodes_max), (1, 1)
    stratum = Family(name, 1, 1.0, fast.sums, *spans).stratum(WASTE, VARIANTS["v2"])
    tail = tails({WASTE.histogram: [stratum]})[WASTE.histogram].quantiles[FAR]
    full_mean, fast_mean = full.mean, fast.mean
    return {
        "family": name, "apart": apart(full, fast), "control apart": apart(full, control),
        "mean full": (round(full_mean[0], 4), round(math.sqrt(full_mean[1]), 4)),
        "mean fast": (round(fast_mean[0], 4), round(math.sqrt(fast_mean[1]), 4)),
        "cases": (full.sums.cases, fast.sums.cases),
        RATE: (round(full.sums.cases / full.seconds), round(fast.sums.cases / fast.seconds)),
        "p99.99": (tail.value, tail.interval.low, tail.interval.high),
    }  # fmt: skip


def p_value(rows: list[dict[str, Any]], name: str) -> float:
    """Of all differences together: their squares are chi-squared, with one degree of freedom a family."""
    from scipy.stats import chi2

    return float(chi2.sf(sum(row[name] ** 2 for row in rows), len(rows)))


def waste_only() -> dict[str, Any]:
    """Means of ten families are equal within error: one test, which errs with 0.1%; the control's are not."""
    names = [family.name for family in make_plan("v2", SEED).families]
    for name in names:
        run_alone(replace(batch_of(name, 0), cases=1))
        run_alone(replace(batch_of(name, 0), cases=1, waste_only=True))
    rows = in_parallel(of_family, names)
    equal, control = p_value(rows, "apart"), p_value(rows, "control apart")
    return {
        "passed": equal > MISTAKE > control, "p": equal, "errs with": MISTAKE, "p of control": control,
        "times as many": {row["family"]: round(fast / full, 2) for row in rows for full, fast in [row[RATE]]},
        "rows": rows,
    }  # fmt: skip


LINES = {"waste-only": waste_only}
