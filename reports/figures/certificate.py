"""The certificate: what a campaign bounds, each statement with its theorem. Computed from stored figures alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.evidence import Features, PctRuns
from percpu_fuzz.reports.statistics.anytime import anytime_high
from percpu_fuzz.reports.statistics.intervals import LEVEL, rate_high
from percpu_fuzz.reports.value_types import Count, Share

DEPTHS = (1, 2, 3, 4)

Caps = Mapping[str, tuple[int, int]]  # by family, n and k: tasks and steps at most
Runs = Mapping[tuple[str, int], PctRuns]  # by family and depth


@dataclass(frozen=True, slots=True)
class PctStatement:
    """Bugs of one depth on machines with the same caps, after `runs` cases under PCT(pct_depth), pct_depth >= depth.

    tasks_max, steps_max: n and k, fixed before the campaign. violating: at most so many of the runs broke an invariant.
    missed: one scenario run so often misses a bug that it holds with at most this probability.
    share_at_most: 95% upper bound of the share of drawn scenarios that hold one within steps_max steps; None says
    nothing. The share is over the families' mixture as it was hunted.
    """

    depth: Count
    pct_depth: Count
    families: tuple[str, ...]
    tasks_max: Count
    steps_max: Count
    runs: Count
    violating: Count
    missed: Share
    share_at_most: Share | None


@dataclass(frozen=True, slots=True)
class NotRun:
    """Families of which no batch ran under PCT of that depth or more."""

    depth: Count
    families: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ViolationRate:
    """Measured cases that broke an invariant, at most `violating` of `cases`; upper bounds of the rate at 95%.

    A case that broke several invariants counts for each, one of a batch that killed its workers as violating.
    exact: Clopper and Pearson 1934, one-sided, for a number of cases fixed beforehand; anytime: at every look.
    """

    violating: Count
    cases: Count
    exact: Share
    anytime: Share


@dataclass(frozen=True, slots=True)
class NewBehaviour:
    """Chance that one more case shows a feature never seen before, from the measured batches that kept features.

    lone_cases: held a feature seen in no other case; estimate: their share (Good 1953). discoveries: at most so many
    of the last `later_cases` showed a feature that no case before them had; upper_bound: 95%, from those.
    """

    cases: Count
    features: Count
    lone_cases: Count
    estimate: Share
    discoveries: Count
    later_cases: Count
    upper_bound: Share


@dataclass(frozen=True, slots=True)
class Certificate:
    """pct: by caps, then depth; scopes: lines on what was explored exhaustively. rate, behaviour: None if unknown."""

    pct: tuple[PctStatement, ...]
    not_run: tuple[NotRun, ...]
    rate: ViolationRate | None
    behaviour: NewBehaviour | None
    scopes: tuple[str, ...]


def certificate(campaign: Campaign) -> Certificate:
    """Every statement that the campaign's figures allow.

    A case that broke several invariants is in the counts of each; one of an unknown batch counts as violating.
    """
    caps: Caps = {name: (n, k) for name, (n, k) in campaign.describe.get("pct_caps", {}).items()}
    runs, cases = campaign.evidence.pct, campaign.cases(MEASUREMENT)
    broken = sum(seen.cases for seen in campaign.signatures[MEASUREMENT].values()) + campaign.unknown(MEASUREMENT)
    return Certificate(
        pct_statements(caps, runs), not_run(caps, runs) if campaign.cases(HUNTING) else (),
        violation_rate(min(cases, broken), cases) if cases else None, new_behaviour(campaign.evidence.features),
        tuple(certificate_line(row) for row in campaign.describe.get("explored", ())),
    )  # fmt: skip


def hit_chance(tasks: int, steps: int, depth: int) -> float:
    """PCT(d) hits a bug of depth d in one run with at least 1 / (n k^(d-1)) (Burckhardt and others 2010, theorem 9)."""
    return float(1 / (tasks * steps ** (depth - 1)))


def missed_at_most(tasks: int, steps: int, depth: int, runs: int) -> float:
    """Bound on the probability that independent runs of one scenario all miss: (1 - 1 / (n k^(d-1)))^runs."""
    chance = hit_chance(tasks, steps, depth)
    return math.exp(runs * math.log1p(-chance)) if chance < 1 else float(runs == 0)


def share_at_most(
    tasks: int, steps: int, depth: int, runs: int, violating: int = 0, level: float = LEVEL
) -> float | None:
    """Upper bound of the share q of scenarios that hold a bug; None where it is 1 or more.

    A run of a scenario drawn at random hits with at least q / (n k^(d-1)), so none in `runs` has a probability of at
    most exp(-q runs / (n k^(d-1))): q <= -ln(1 - level) n k^(d-1) / runs. The caps n and k stand for every scenario,
    fixed beforehand: each run's own n and k would assume that bugs do not prefer large programs. Where some runs
    did violate, the upper bound of their rate (Clopper and Pearson) takes the place of -ln(1 - level) / runs.
    """
    if runs == 0:
        return None
    rate = rate_high(violating, runs, 1 - level) if violating else -math.log(1 - level) / runs
    share = rate / hit_chance(tasks, steps, depth)
    return share if share < 1 else None


def pct_statements(caps: Caps, runs: Runs) -> tuple[PctStatement, ...]:
    """For each pair of caps and each depth, from the least PCT depth that was run and is not smaller."""
    runs = {key: row for key, row in runs.items() if key[0] in caps and row.cases}
    statements = []
    for tasks, steps in sorted({caps[family] for family, _ in runs}):
        alike = {key: row for key, row in runs.items() if caps[key[0]] == (tasks, steps)}
        for depth in DEPTHS:
            able = sorted({d for _, d in alike if d >= depth})
            if not able:
                continue
            used = {family: row for (family, d), row in alike.items() if d == able[0]}
            cases, violating = sum(row.cases for row in used.values()), sum(row.violating for row in used.values())
            statements.append(
                PctStatement(
                    depth, able[0], tuple(sorted(used)), tasks, steps, cases, violating,
                    missed_at_most(tasks, steps, able[0], cases),
                    share_at_most(tasks, steps, able[0], cases, violating),
                )
            )  # fmt: skip
    return tuple(statements)


def not_run(caps: Caps, runs: Runs) -> tuple[NotRun, ...]:
    """Depths and families on which PCT says nothing, since it was not tried there."""
    deepest: dict[str, int] = dict.fromkeys(caps, 0)
    for (family, depth), row in runs.items():
        if row.cases and family in deepest:
            deepest[family] = max(deepest[family], depth)
    found = [NotRun(d, tuple(sorted(name for name, most in deepest.items() if most < d))) for d in DEPTHS]
    return tuple(row for row in found if row.families)


def violation_rate(violating: int, cases: int, level: float = LEVEL) -> ViolationRate:
    """Both bounds of the rate at which a measured case breaks any invariant."""
    exact, anytime = rate_high(violating, cases, 1 - level), anytime_high(violating, cases, level)
    return ViolationRate(violating, cases, exact, anytime)


def new_behaviour(features: Features, level: float = LEVEL) -> NewBehaviour | None:
    """Good's estimate and an upper bound; None below two batches with features.

    The chance of something new falls with every case. So each case of the later half finds something new with at
    least the chance that is left at the end, whatever came before it. That chance is random, and so are the cases'
    own: the bound is the one for such cases (reports.statistics.anytime), with the families mixed as in that half.
    """
    if len(features.found) < 2:
        return None
    later = features.found[len(features.found) // 2 :]
    later_cases, discoveries = sum(cases for cases, _ in later), sum(found for _, found in later)
    return NewBehaviour(
        features.cases, len(features.holder), features.lone_cases, features.lone_cases / features.cases,
        discoveries, later_cases, anytime_high(discoveries, later_cases, level),
    )  # fmt: skip


def certificate_line(row: dict[str, Any]) -> str:
    """The statement about a scope that was explored, from its stored object. KeyError or TypeError if it is none."""
    scope = row["scope"]
    what = f"{scope['name']} ({scope['words']}; {scope['machine']}), variant {row['variant']}"
    if not row["complete"]:
        return f"Not completed: {what}; no statement."
    broken = ", ".join(violation["invariant"] for violation in row["violations"])
    verdict = f"{broken} can be broken" if broken else "no interleaving breaks an invariant"
    return (
        f"Explored completely: {what}: {verdict}, among {row['states']} states; wrong with probability at most "
        f"{row['collision_probability']:.1e} through a shared hash."
    )
