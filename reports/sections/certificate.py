"""The certificate as a table: what is bounded, by how much, by which theorem, and what would make the bound tighter."""

from __future__ import annotations

import math
from collections.abc import Iterable

from percpu_fuzz.reports.figures.certificate import Certificate, NewBehaviour, PctStatement, ViolationRate, hit_chance
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import number, plural
from percpu_fuzz.reports.render.page import Section, Table

HEAD = ("what", "at most", "theorem", "from, and what would make it tighter")
CAPTION = "Upper bounds, each with 95%."
THEOREMS = (
    "Clopper-Pearson (1934): the number of cases was fixed beforehand. Mixture (method of mixtures: Robbins 1970; "
    "Howard and others 2021): holds whenever one looks. PCT (Burckhardt and others, ASPLOS 2010): a run hits a bug of "
    "depth d with at least 1/(n k^(d-1)), for caps n (tasks) and k (steps) fixed beforehand."
)
WANTED = 0.1  # the share of scenarios that a bound is worth printing the way to
LEAST_BOUND = 1e-12
HALF = "twice the cases halve it"


def certificate_section(figures: Figures) -> Section:
    """A row a bound that says something; below, what is not bounded yet and how many runs that takes."""
    made = figures.certificate
    rows = tuple(bound_rows(made))
    words = (THEOREMS, *made.scopes) if rows else made.scopes
    tables = (Table(HEAD, rows, 1, CAPTION, 3),) if rows else ()
    return Section("certificate", "Certificate", words, tables=tables, notes=tuple(open_words(made)))


def bound_rows(made: Certificate) -> Iterable[tuple[str, str, str, str]]:
    """(what, bound, theorem, from what) of every bound below 1 as it is printed."""
    rows = []
    if made.rate is not None:
        rows += violation_rows(made.rate)
    if made.behaviour is not None:
        rows.append(behaviour_row(made.behaviour))
    for row in made.pct:
        rows += pct_rows(row)
    return [row for row in rows if row[1] != "1"]


def upper(bound: float) -> str:
    """Two significant digits, rounded up: a bound stays one. Below LEAST_BOUND that: 0 would say that it cannot be."""
    if bound < LEAST_BOUND:
        return f"{LEAST_BOUND:g}"
    digits = 1 - math.floor(math.log10(bound))
    return f"{min(1.0, math.ceil(bound * 10**digits - 1e-9) / 10**digits):.2g}"


def at_most(violating: int) -> str:
    """0, or 'at most 3': a case that broke several invariants may be counted several times."""
    return f"at most {number(violating)}" if violating else "0"


def violation_rows(rate: ViolationRate) -> list[tuple[str, str, str, str]]:
    """The rate at which a measured case breaks any invariant, both ways."""
    tighter = HALF if not rate.violating else "four times the cases halve its distance from the rate"
    counted = f"{at_most(rate.violating)} of {plural(rate.cases, 'measured case')} broke an invariant; {tighter}"
    return [
        ("a case violates", upper(rate.exact), "Clopper-Pearson", counted),
        ("at every look", upper(rate.anytime), "mixture", "the same cases"),
    ]


def behaviour_row(row: NewBehaviour) -> tuple[str, str, str, str]:
    """Chance that one more case shows a new feature."""
    words = (
        f"at most {number(row.discoveries)} discoveries in the last {number(row.later_cases)} of "
        f"{plural(row.cases, 'measured case')} whose features were kept; {number(row.lone_cases)} hold one that no "
        f"other case holds, so about {row.estimate:.2g} (Good 1953); {HALF}, if they show nothing new"
    )
    return ("a case is new", upper(row.upper_bound), "mixture", words)


def pct_rows(row: PctStatement) -> list[tuple[str, str, str, str]]:
    """The share of drawn scenarios that hold a bug, and the chance that its runs all miss one scenario's."""
    by = "" if row.pct_depth == row.depth else f" of PCT({row.pct_depth})"
    runs = f"{plural(row.runs, 'run')}{by}, {at_most(row.violating)} violating; {caps_words(row)}"
    missed = (f"depth {row.depth}, missed", upper(row.missed), "PCT", f"{runs}, if all were of one scenario; more runs")
    if row.share_at_most is None:
        return [missed]
    held = f"{runs}; ten times the runs: a tenth"
    return [(f"depth {row.depth}, held", upper(row.share_at_most), "PCT", held), missed]


def caps_words(row: PctStatement) -> str:
    """Which machines."""
    return f"{', '.join(row.families)} (n = {row.tasks_max}, k = {number(row.steps_max)})"


def open_words(made: Certificate) -> list[str]:
    """What has no bound of the share of scenarios: too few runs, with how many it takes, and none at all."""
    words = []
    few = [row for row in made.pct if row.share_at_most is None or upper(row.share_at_most) == "1"]
    if few:
        said = "; ".join(f"depth {row.depth} on {', '.join(row.families)}: {runs_words(row)}" for row in few)
        words.append(
            f"Not bounded yet is the share of drawn scenarios that hold a bug of these depths; a bound of "
            f"{100 * WANTED:g}% takes, without a violation, so many runs: {said}."
        )
    if made.not_run:
        none = "; ".join(f"depth {row.depth}: {', '.join(row.families)}" for row in made.not_run)
        words.append(f"No PCT batch of such a depth or more ran, so that nothing is said of {none}.")
    return words


def runs_words(row: PctStatement) -> str:
    """Runs for a bound of WANTED, to two digits."""
    runs = -math.log(0.05) / WANTED / hit_chance(row.tasks_max, row.steps_max, row.pct_depth)
    return number(int(runs)) if runs < 1e7 else f"{runs:.1e}"
