"""Each number of the certificate recomputed from its inputs by another way, and the words that carry it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from rendered import report_html, report_json, report_text
from scipy.integrate import quad
from scipy.optimize import brentq

from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.evidence import Features
from percpu_fuzz.reports.figures.certificate import NotRun, certificate, missed_at_most, share_at_most
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.sections.certificate import certificate_section, upper
from percpu_fuzz.reports.statistics.anytime import anytime_high, log_mixture

Made = Callable[..., Campaign]
I18 = Signature("I18", "v2", "PO_ACCOUNT", (2,))
CAPS = {"few": [12, 1024], "many": [12, 1024], "big": [24, 8192]}


def hunted(k: int, family: str, depth: int, cases: int, violating: int = 0) -> Outcome:
    counts = {"scheduler.pct": cases, f"pct.depth.{depth}": cases}
    violations = {I18: violating} if violating else {}
    return Outcome("hunting", k, family, cases, 10 * cases, 0, {}, counts, violations, dict.fromkeys(violations, (0,)))


def measured(k: int, cases: int, once: dict[int, int], more: tuple[int, ...], violating: int = 0) -> Outcome:
    counts = {"feature_cases": cases}
    violations = {I18: violating} if violating else {}
    first = dict.fromkeys(violations, (0,))
    return Outcome("measurement", k, "few", cases, 10 * cases, 0, {}, counts, violations, first, once, more)


BATCHES = [
    measured(0, 100, {1: 4, 2: 4, 3: 9}, (7, 8)),
    measured(9, 100, {1: 0, 4: 2}, (7, 9), violating=2),
    measured(18, 200, {5: 3, 6: 3, 2: 1}, (8,)),
    measured(27, 200, {10: 11}, (3, 11)),
    hunted(0, "few", 2, 50_000), hunted(1, "many", 2, 30_000), hunted(2, "few", 3, 40_000), hunted(3, "big", 4, 500),
    hunted(4, "few", 4, 7_000),
]  # fmt: skip


def made_of(make: Made, outcomes: list[Outcome], **more: Any) -> Campaign:
    describe = {"variant": "v2", "seed": 7, "families": {"few": 3, "many": 1, "big": 1}, "pct_caps": CAPS}
    return make(outcomes, describe=describe | more)


def test_bounds_of_pct_are_the_formulas(make: Made) -> None:
    """Every PCT row from its runs and caps: (1 - 1/(n k^(d-1)))^R in fractions, and -ln(0.05) n k^(d-1) / R."""
    rows = certificate(made_of(make, BATCHES)).pct
    found = [(row.tasks_max, row.depth, row.pct_depth, row.runs, row.families) for row in rows]
    assert found == [
        (12, 1, 2, 80_000, ("few", "many")), (12, 2, 2, 80_000, ("few", "many")), (12, 3, 3, 40_000, ("few",)),
        (12, 4, 4, 7_000, ("few",)), *((24, depth, 4, 500, ("big",)) for depth in (1, 2, 3, 4)),
    ]  # fmt: skip
    for row in rows:
        ways = row.tasks_max * row.steps_max ** (row.pct_depth - 1)
        assert row.missed == pytest.approx(float((1 - Fraction(1, ways)) ** row.runs), rel=1e-9)
        share = -math.log(0.05) * ways / row.runs
        assert row.share_at_most == (None if share >= 1 else pytest.approx(share))
    assert rows[0].share_at_most == pytest.approx(0.4601, abs=1e-4)


def test_depths_that_were_not_tried_are_named(make: Made) -> None:
    """ "many" ran under PCT(2) only, "few" up to 4, "big" under 4: depths 3 and 4 say nothing of "many"."""
    campaign = made_of(make, BATCHES)
    assert certificate(campaign).not_run == (NotRun(3, ("many",)), NotRun(4, ("many",)))
    notes = certificate_section(Figures(campaign)).notes
    assert notes[-1].endswith("so that nothing is said of depth 3: many; depth 4: many.")
    (few,) = [row for row in rows_of(campaign) if row[0] == "depth 2, missed"]
    assert few[3].startswith("80,000 runs, 0 violating; few, many (n = 12, k = 1,024)")
    assert certificate(made_of(make, BATCHES[:4])).not_run == ()


def rows_of(campaign: Campaign) -> list[tuple[str, ...]]:
    """The certificate's rows: what, bound, theorem, from what."""
    return [row for table in certificate_section(Figures(campaign)).tables for row in table.rows]


def test_no_row_says_at_most_1(make: Made) -> None:
    """A bound that is printed as 1 has no row. Depths without one are named below, with the runs that it takes: of
    depth 2, -ln(0.05) n k / 10%. The control: there are such bounds.
    """
    campaign = made_of(make, BATCHES)
    made, rows = certificate(campaign), rows_of(campaign)
    assert [row[0] for row in rows][:4] == ["a case violates", "at every look", "a case is new", "depth 1, held"]
    assert all(0 < float(row[1]) < 1 for row in rows)
    assert any(row.share_at_most is None for row in made.pct)
    assert any(upper(row.missed) == "1" for row in made.pct)
    notes = " ".join(certificate_section(Figures(campaign)).notes)
    runs = int(-math.log(0.05) * 12 * 1024**2 / 0.1)
    assert f"depth 3 on few: {runs / 10**8:.1f}e+08" in notes
    assert "depth 1 on big" in notes


def test_found_bugs_are_counted() -> None:
    """With violations among the runs, the exact bound of their rate takes the place of -ln(0.05) / R."""
    rate = brentq(lambda p: sum(math.comb(500, i) * p**i * (1 - p) ** (500 - i) for i in range(4)) - 0.05, 1e-6, 0.1)
    assert share_at_most(2, 10, 2, 500, 3) == pytest.approx(rate * 20, rel=1e-6)
    assert share_at_most(2, 10, 2, 500, 300) is None
    assert share_at_most(2, 10, 2, 0) is None
    assert missed_at_most(1, 10, 1, 3) == 0.0
    assert missed_at_most(5, 10, 2, 0) == 1.0


def test_violation_rate_from_its_counts(make: Made) -> None:
    """2 of 600: Clopper and Pearson's bound by solving the binomial, the anytime one by numerical integration."""
    rate = certificate(made_of(make, BATCHES)).rate
    assert rate is not None
    assert (rate.violating, rate.cases) == (2, 600)
    exact = brentq(lambda p: sum(math.comb(600, i) * p**i * (1 - p) ** (600 - i) for i in range(3)) - 0.05, 1e-6, 0.1)
    assert rate.exact == pytest.approx(exact, rel=1e-6)
    total = brentq(lambda v: quad(lambda t: t**2 * math.exp((1 - t) * v), 0, 1)[0] - 20, 2, 60)
    assert rate.anytime == pytest.approx(total / 600, rel=1e-6)


@pytest.mark.parametrize(("k", "total"), [(0, 4.0), (0, 0.3), (3, 9.0), (40, 70.0)])
def test_the_mixture_is_its_integral(k: int, total: float) -> None:
    """The closed form against quadrature."""
    assert log_mixture(k, total) == pytest.approx(
        math.log(quad(lambda t: t**k * math.exp((1 - t) * total), 0, 1, epsabs=0)[0]), rel=1e-6
    )


def test_anytime_bound_is_a_bound() -> None:
    """Wider than the exact one, never above 1, growing with k, and finite for many violations."""
    assert anytime_high(0, 1_000) == pytest.approx(4.5 / 1_000, rel=0.02)
    assert anytime_high(5, 5) == 1.0
    assert anytime_high(0, 0) == 1.0
    bounds = [anytime_high(k, 10**7) for k in (0, 1, 10, 1_000, 10**6)]
    assert bounds == sorted(bounds)
    assert 0.1 < bounds[-1] < 0.101


def test_new_behaviour_from_its_features(make: Made) -> None:
    """Counted by hand: three cases hold a feature of their own; the later half shows at most three discoveries.

    Features 4, 5, 6 and 10 are held by one case of all, 5 and 6 by the same; 1, 2 and 3 come up again later.
    """
    row = certificate(made_of(make, BATCHES)).behaviour
    assert row is not None
    assert (row.cases, row.features, row.lone_cases) == (600, 11, 3)
    assert row.estimate == 3 / 600
    assert (row.discoveries, row.later_cases) == (1 + 2, 400)
    assert row.upper_bound == anytime_high(3, 400)


def test_a_new_feature_of_several_cases_counts_once() -> None:
    """Its first holder alone discovers it; a batch never has more discoveries than cases."""
    features = Features()
    features.add(0, 3, {1: 0, 2: 0}, (5, 6))
    features.add(9, 2, {3: 1}, (7, 8, 9))
    assert features.found == [(3, 3), (2, 2)]


def test_unknown_batches_count_as_violating(make: Made) -> None:
    """Cases of a batch that killed its workers are counted on the careful side."""
    lost = replace(measured(1, 50, {}, ()), family="unknown", counts={})
    rate = certificate(made_of(make, [measured(0, 100, {}, ()), lost])).rate
    assert rate is not None
    assert (rate.violating, rate.cases) == (50, 150)


def test_nothing_stored_nothing_said(make: Made) -> None:
    """Without cases there is no statement, no section, and the schema's nulls."""
    made = certificate(make([]))
    assert (made.pct, made.rate, made.behaviour, made.scopes) == ((), None, None, ())
    assert rows_of(make([])) == []
    assert "Certificate" not in report_text(make([]))


def test_every_report_holds_every_statement(make: Made) -> None:
    """Text, page and JSON: every bound with what it is of, and the names of the theorems."""
    campaign = made_of(make, BATCHES)
    flowing = " ".join(report_text(campaign).split())
    page = " ".join(report_html(campaign).split())
    for what, bound, theorem, _ in rows_of(campaign):
        assert f"{what} {bound} {theorem}" in flowing
        assert f"<span>{bound}</span>" in page
    for name in ("Clopper-Pearson (1934)", "Robbins 1970", "Good 1953", "Burckhardt"):
        assert name in flowing
        assert name in page
    assert "depth 1, held 0.47 PCT" in flowing
    stored = report_json(campaign)["certificate"]
    assert stored["rate"]["violating"] == 2
    assert stored["pct"][0]["runs"] == 80_000
    assert stored["behaviour"]["lone_cases"] == 3
    assert stored["scopes"] == []


def test_bounds_are_printed_rounded_up() -> None:
    """Two digits, never below the bound."""
    assert [upper(x) for x in (0.0, 0.4808, 0.99, 0.9991, 3.61e-5, 0.1)] == [
        "1e-12",
        "0.49",
        "0.99",
        "1",
        "3.7e-05",
        "0.1",
    ]


def test_how_long_until_it_is_fixed(make: Made) -> None:
    """(1 - r)^n <= 5% by hand: 299 cases for one in 100, 2,995 for one in 1,000; time at the campaign's 50 measured
    cases a second. Control: one case fewer is not enough; a campaign that broke something has no such section.
    """
    clean = [Outcome("measurement", 0, "few", 400, 9, 0)]
    rows = Figures(make(clean)).until_fixed
    assert [(row.one_in, row.cases, row.reached) for row in rows[:2]] == [(100, 299, True), (1_000, 2_995, False)]
    assert 0.99**299 <= 0.05 < 0.99**298
    assert rows[0].seconds == pytest.approx(299 / 50)
    assert rows[5].seconds == pytest.approx(10**7 * -math.log(0.05) / 50, rel=1e-6)
    text = report_text(make(clean))
    assert 'How long until it is safe to say "fixed"' in text
    assert "1 in 1,000 2,995 60 s -" in " ".join(text.split()) or "1 in 1,000 2,995 1.0 min -" in " ".join(text.split())
    assert "safe to say" not in report_text(make())
    assert "safe to say" not in report_text(make([]))
