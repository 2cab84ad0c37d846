"""The certificate in words: one paragraph a statement, its theorem named, for every kind of report."""

from __future__ import annotations

import math

from percpu_fuzz.reports.figures.certificate import Certificate, NewBehaviour, NotRun, PctStatement, ViolationRate
from percpu_fuzz.reports.numbers import number, plural

PCT = "Burckhardt and others, ASPLOS 2010"


def certificate_words(made: Certificate) -> tuple[str, ...]:
    """One string a statement; none where nothing was stored that they could be made of."""
    words = []
    if made.rate is not None:
        words.append(violation_words(made.rate))
    if made.behaviour is not None:
        words.append(behaviour_words(made.behaviour))
    words += [pct_words(rows) for rows in by_caps(made.pct)]
    if made.not_run:
        words.append(not_run_words(made.not_run))
    return (*words, *made.scopes) if words or made.scopes else ()


def by_caps(rows: tuple[PctStatement, ...]) -> list[list[PctStatement]]:
    """Statements with the same tasks_max and steps_max together, groups and rows in the order given."""
    caps = dict.fromkeys((row.tasks_max, row.steps_max) for row in rows)
    return [[row for row in rows if (row.tasks_max, row.steps_max) == cap] for cap in caps]


LEAST_BOUND = 1e-12


def upper(bound: float) -> str:
    """Two significant digits, rounded up: a bound stays one. Below LEAST_BOUND that: 0 would say that it cannot be."""
    if bound < LEAST_BOUND:
        return f"{LEAST_BOUND:g}"
    digits = 1 - math.floor(math.log10(bound))
    return f"{min(1.0, math.ceil(bound * 10**digits - 1e-9) / 10**digits):.2g}"


def at_most(violating: int) -> str:
    """0, or 'at most 3': a case that broke several invariants may be counted several times."""
    return f"at most {number(violating)}" if violating else "0"


def violation_words(rate: ViolationRate) -> str:
    """Violating cases of those measured, and both upper bounds of their rate."""
    return (
        f"Violations: {at_most(rate.violating)} of {plural(rate.cases, 'measured case')} broke an invariant. The rate "
        f"is at most {upper(rate.exact)} with 95% if the number of cases was fixed beforehand (Clopper and Pearson "
        f"1934), and at most {upper(rate.anytime)} whenever one looks (method of mixtures: Robbins 1970; Howard and "
        "others 2021)."
    )


def behaviour_words(row: NewBehaviour) -> str:
    """Chance that one more case shows a new feature: the estimate, its upper bound and what they rest on."""
    return (
        f"New behaviour: {number(row.lone_cases)} of {plural(row.cases, 'measured case')} whose features were kept "
        f"hold one that no other case holds, so one more case shows a new feature with a chance of about "
        f"{row.estimate:.2g} (Good 1953); with 95% at most {upper(row.upper_bound)} (method of mixtures, cases that "
        f"depend on those before them; from at most {number(row.discoveries)} discoveries in the last "
        f"{number(row.later_cases)})."
    )


def pct_words(rows: list[PctStatement]) -> str:
    """One paragraph for rows of the same caps, a clause a depth; the first row's families are named at the start."""
    first = rows[0]
    said = "; ".join(depth_words(row, first.families) for row in rows)
    return (
        f"Bugs of depth d under PCT ({PCT}; a run hits with at least 1/(n k^(d-1))), with caps fixed beforehand of "
        f"n = {first.tasks_max} tasks and k = {number(first.steps_max)} steps, families {', '.join(first.families)}: "
        f"{said}."
    )


def not_run_words(found: tuple[NotRun, ...]) -> str:
    """Depths of the same families together: d = 1 to 4."""
    depths: dict[tuple[str, ...], list[int]] = {}
    for row in found:
        depths.setdefault(row.families, []).append(row.depth)
    said = [f"d = {', '.join(map(str, ds))}: {', '.join(families)}" for families, ds in depths.items()]
    return f"No PCT batch of depth d or more ran, so that nothing is said of such bugs, on: {'; '.join(said)}."


def depth_words(row: PctStatement, named: tuple[str, ...] = ()) -> str:
    """named: the families that were named before; others are named with the row."""
    by = "" if row.pct_depth == row.depth else f" of PCT({row.pct_depth})"
    by += "" if row.families == named else f" (families {', '.join(row.families)})"
    share = row.share_at_most
    drawn = "no statement on drawn scenarios"
    if share is not None:
        drawn = f"at most {upper(share)} of drawn scenarios hold one (95%)"
    return (
        f"d = {row.depth}: {plural(row.runs, 'run')}{by}, {at_most(row.violating)} violating; as runs of one scenario "
        f"they miss it with at most {upper(row.missed)}; {drawn}"
    )
