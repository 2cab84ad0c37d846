"""Coverage of the intervals that a report prints: 2,000 campaigns through the engine and the store, truth known.

The cases are clusters: programs of 12 to 24 operations on machines of one to four nodes. Their allocations, five of
them charged on average, share the machine, the placement and the limits. An interval's open end bounds nothing and
misses nothing; how often those of means are open is stated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from case_laws import pooled_mean
from few_cases import few_cases
from narrowed import only
from stored_campaigns import counted, in_parallel, stored, too_few

from percpu_fuzz.engine.core.labels import GFP_ACCOUNT, OP_OWN
from percpu_fuzz.engine.outcome import MEASUREMENT, Outcome
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.reports.campaign import Campaign, Sums
from percpu_fuzz.reports.figures.estimates import QUANTILES
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.stopping import Watch, parse_stop
from percpu_fuzz.reports.quantities import QUANTITIES
from percpu_fuzz.reports.statistics.intervals import Interval, clopper_pearson, moments
from percpu_fuzz.reports.statistics.strata import Stratum, weighted_mean
from percpu_fuzz.strategies.draw.choices import kind_arrays
from percpu_fuzz.strategies.draw.topologies import Family, even, preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan

CAMPAIGNS = 2_000
SIZES = (10,) * 12 + (20,) * 6 + (40,) * 6  # cases of each batch: looks come fast at first, as in a campaign
TRUTH_SEEDS, TRUTH_BATCHES, TRUTH_CASES = 20, 15, 4_000
WATCHED = {
    "mean waste": "pooled waste_pages mean",
    "p50 waste": "pooled waste_pages 0.5",
    "p90 waste": "pooled waste_pages 0.9",
    "p99 waste": "pooled waste_pages 0.99",
    "mean share": "pooled share_percent mean",
    "p90 in_flight": "pooled in_flight_pages 0.9",
    "rate(I1)": "rate I1",
}
UNIT_CONTROL, LOOK_CONTROL = 0.80, 0.85


@cache
def plan() -> Plan:
    """v1, whose shortfall gives rates that are not small, on two families of weights 2 and 1."""
    machines = tuple(even(f"even-{n}", n, 4) for n in (1, 2, 3, 4))
    made = Plan(
        VARIANTS["v1"],
        0,
        (Family("even", 2, machines), Family("far", 1, (preset("cxl"), preset("memoryless")))),
        learns=False,
    )
    accounted = (GFP_ACCOUNT, GFP_ACCOUNT | OP_OWN)
    made.tables[MEASUREMENT] = (*kind_arrays(), only(tasks=(2, 3), ops=(6, 7, 8), irq=(0,), gfp=accounted))
    return made


@cache
def batches() -> Batches:
    """Of plan(), compiled; each campaign has a seed of its own."""
    made = Batches(plan())
    made.warm()
    return made


@dataclass(frozen=True, slots=True)
class Truth:
    """Sums by family of one run that no campaign shares a seed with."""

    families: dict[str, Sums]

    def strata(self, quantity: str) -> list[Stratum]:
        total = sum(plan().weights.values())
        return [
            Stratum(plan().weights[name] / total, sums.cases, sums.histogram(quantity))
            for name, sums in self.families.items()
        ]

    def rate(self, invariant: str) -> float:
        """By weight, which is by cases too: the batches of a campaign are shared out by weight."""
        return sum(s.share * self.families[f].violating(invariant) / s.cases for f, s in self.named("waste_pages"))

    def named(self, quantity: str) -> list[tuple[str, Stratum]]:
        return list(zip(self.families, self.strata(quantity), strict=True))

    def an_allocation(self) -> float:
        """Mean waste of an allocation, whatever case it is in."""
        waste, charged = (
            sum(s.share * self.families[f].counts[name] / s.cases for f, s in self.named("waste_pages"))
            for name in ("waste_sum", "charged")
        )
        return waste / charged


def pooled_at(strata: list[Stratum], x: int) -> float:
    """Weighted share of the probes that lie at or below x."""
    charged = sum(s.share * sum(s.histogram.values()) / s.cases for s in strata)
    return sum(s.share * sum(n for v, n in s.histogram.items() if v <= x) / s.cases for s in strata) / charged


def true_quantile(strata: list[Stratum], q: float) -> tuple[int, float]:
    """The least value with F >= q, and by how many of its standard errors F stays away from q on either side of it."""
    values = sorted({v for s in strata for v in s.histogram})
    place = next(i for i, v in enumerate(values) if pooled_at(strata, v) >= q)
    probes = sum(sum(s.histogram.values()) for s in strata) / 2  # half: weights cost a little
    error = math.sqrt(q * (1 - q) / probes)
    below = pooled_at(strata, values[place - 1]) if place else 0.0
    return values[place], min(pooled_at(strata, values[place]) - q, q - below) / error


def truth_part(seed: int) -> dict[str, Sums]:
    """One part of the large run."""
    sums: dict[str, Sums] = {}
    for k in range(TRUTH_BATCHES):
        outcome = few_cases(batches(), MEASUREMENT, k, TRUTH_CASES, seed=1_000_000 + seed)
        sums.setdefault(outcome.family, Sums()).add(outcome)
    return sums


def large_run() -> Truth:
    families: dict[str, Sums] = {name: Sums() for name in plan().weights}
    for part in in_parallel(truth_part, range(TRUTH_SEEDS)):
        for name, sums in part.items():
            families[name].add(
                Outcome(
                    MEASUREMENT, 0, name, sums.cases, sums.steps, 0, sums.histograms, dict(sums.counts),
                    dict(sums.violations),
                )
            )  # fmt: skip
    return Truth(families)


def campaign(seed: int) -> tuple[Campaign, list[Outcome]]:
    """A campaign of 24 batches, read back from its store."""
    outcomes = (few_cases(batches(), MEASUREMENT, k, cases, seed=seed) for k, cases in enumerate(SIZES))
    return stored(plan(), outcomes, seed=seed)


def holds(interval: Interval, value: float) -> bool:
    """An open end bounds nothing, so it is not missed."""
    return (interval.low is None or interval.low <= value) and (interval.high is None or value <= interval.high)


def true_values(truth: Truth) -> dict[str, float]:
    """By name of a figure; quantiles where F comes within five standard errors of q are left out."""
    found = {f"rate {name}": truth.rate(name) for name in ("I1", "I8", "I12", "I18")}
    found |= {f"{f} rate I1": sums.violating("I1") / sums.cases for f, sums in truth.families.items()}
    for quantity in QUANTITIES:
        for family, strata in (("pooled", truth.strata(quantity)), *((f, [s]) for f, s in truth.named(quantity))):
            mean = weighted_mean(strata)
            assert mean is not None
            found[f"{family} {quantity} mean"] = mean[0]
            for q in QUANTILES[:3]:
                value, errors = true_quantile(strata, q)
                if errors > 5:
                    found[f"{family} {quantity} {q}"] = value
    return found | {"allocations as units": truth.an_allocation()}


def intervals(read: Campaign) -> dict[str, Interval]:
    """The nominal 95% intervals of a campaign's report, by the names of true_values."""
    found, figures = {}, Figures(read)
    named = {"pooled": figures.pooled} | {f.name: f.distributions for f in figures.family_estimates}
    for family, distributions in named.items():
        for quantity, distribution in distributions.items():
            found[f"{family} {quantity} mean"] = distribution.mean_interval
            for q, quantile in distribution.quantiles.items():
                found[f"{family} {quantity} {q}"] = quantile.interval
    for row in figures.invariants:
        found[f"rate {row.invariant}"] = row.measurement.interval
        weighted = row.weighted.interval if row.weighted else Interval(0, row.weighted_upper_bound)
        found[f"weighted rate {row.invariant}"] = weighted
    return found


def allocations_as_units(read: Campaign) -> Interval:
    """The control: mean waste over charged allocations, each taken as a draw of its own.

    Sums and numbers of all allocations are stored; the spread of one allocation is that of the probes.
    """
    charged, waste = (read.count(MEASUREMENT, name) for name in ("charged", "waste_sum"))
    histogram: dict[int, int] = {}
    for sums in read.streams[MEASUREMENT].values():
        for value, number in sums.histogram("waste_pages").items():
            histogram[value] = histogram.get(value, 0) + number
    half = 1.96 * moments(histogram)[2] / math.sqrt(charged)
    return Interval(waste / charged - half, waste / charged + half)


def watch_of(figure: str) -> Watch:
    return Watch(parse_stop(f"{figure} < 0"), plan().weights, plan().most_nodes)


def looked_at(kept: list[Outcome], values: dict[str, float]) -> dict[str, bool]:
    """Whether each interval holds at every look: the sequences of --stop, and those for a fixed number of cases."""
    watches = {f"anytime {figure}": watch_of(figure) for figure in WATCHED if figure in values}
    found = dict.fromkeys([*watches, "fixed mean waste", "fixed rate(I1)"], True)
    sums = {name: Sums() for name in plan().weights}
    total = sum(plan().weights.values())
    for outcome in kept:
        sums[outcome.family].add(outcome)
        cases = sum(s.cases for s in sums.values())
        as_run = values | {"rate(I1)": sum(s.cases * values[f"{f} rate I1"] for f, s in sums.items()) / cases}
        for name, watch in watches.items():
            watch.add(outcome)
            found[name] &= holds(watch.interval(), as_run[name.removeprefix("anytime ")])
        strata = [Stratum(plan().weights[f] / total, s.cases, s.histogram("waste_pages")) for f, s in sums.items()]
        mean = pooled_mean(strata)
        found["fixed mean waste"] &= mean is None or holds(mean[1], values["mean waste"])
        violating = sum(s.violating("I1") for s in sums.values())
        found["fixed rate(I1)"] &= holds(clopper_pearson(violating, cases), as_run["rate(I1)"])
    return found


def examined(given: tuple[int, dict[str, float]]) -> dict[str, bool]:
    """Which intervals of one campaign hold, and which of those of means are open."""
    seed, values = given
    read, kept = campaign(seed)
    known = {name: i for name, i in intervals(read).items() if name.removeprefix("weighted ") in values}
    found = {name: holds(interval, values[name.removeprefix("weighted ")]) for name, interval in known.items()}
    found |= {f"open {name}": interval.low is None for name, interval in known.items() if name.endswith("mean")}
    found["allocations as units"] = holds(allocations_as_units(read), values["allocations as units"])
    return found | looked_at(kept, values)


def coverage() -> dict[str, Any]:
    """No nominal 95% interval is rejected; the sequences hold at every look; the controls fall below their marks.

    The truth is a run of 1.2 million cases, 2,500 times a campaign's: its own standard error, 2% of a campaign's, takes
    0.01 points off a coverage.
    """
    batches()
    truth = large_run()
    values = true_values(truth)
    values |= {figure: values[name] for figure, name in WATCHED.items() if name in values}
    rows = in_parallel(examined, [(seed, values) for seed in range(1, CAMPAIGNS + 1)])
    return verdict(counted(rows)) | {"truth_cases": sum(sums.cases for sums in truth.families.values())}


def verdict(held: dict[str, int]) -> dict[str, Any]:
    """From the number of campaigns in which each interval held."""
    share = {name: number / CAMPAIGNS for name, number in held.items()}
    opened = {name.removeprefix("open "): share.pop(name) for name in list(share) if name.startswith("open ")}
    share = {name: part for name, part in share.items() if opened.get(name) != 1.0}  # says nothing, so holds nothing
    controls = {name: share.pop(name) for name in ("allocations as units", "fixed mean waste", "fixed rate(I1)")}
    rejected = sorted(name for name in share if too_few(held[name], CAMPAIGNS))
    fooled = controls["allocations as units"] < UNIT_CONTROL and all(
        controls[name] < LOOK_CONTROL for name in controls if name.startswith("fixed")
    )
    return {
        "passed": not rejected and fooled, "campaigns": CAMPAIGNS, "cases_each": sum(SIZES), "looks": len(SIZES),
        "rejected": {name: share[name] for name in rejected}, "controls": controls, "coverage": share,
        "open": {name: part for name, part in opened.items() if part},
    }  # fmt: skip


LINES = {"coverage": coverage}
