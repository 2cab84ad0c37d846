"""Comparing campaigns: differences by hand, errors of both kinds by simulation, and the text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

import numpy as np
import pytest

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import Histogram, Outcome, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.compare import compare, values
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.compare import compare_json, compare_page, mail_of
from percpu_fuzz.reports.statistics import bootstrap

Made = Callable[..., Campaign]
I18 = Signature("I18", "v2", "PO_ACCOUNT", (2,))


def counts(values: np.ndarray) -> Histogram:
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist(), strict=True))


def drawn(make: Made, rng: np.random.Generator, cases: int, extra: int = 0) -> Figures:
    """A campaign drawn anew: two families; `extra` pages of waste in all cases of family "many"."""
    outcomes = []
    for k, (family, share, mean) in enumerate((("few", 0.75, 2.0), ("many", 0.25, 6.0))):
        n = int(cases * share)
        used = rng.integers(1, 4, n)
        waste = rng.poisson(mean, n) + (extra if family == "many" else 0)
        named = {
            "waste_pages": counts(waste), "share_percent": counts(waste * 100 // (waste + used)),
            "rounding_bytes16": counts(rng.integers(0, 32, n)), "in_flight_pages": counts(rng.poisson(3 * mean, n)),
            "misplaced_bytes": counts((rng.random(n) < 0.02) * 48),
            "precharge_used": counts((waste + used << 20) + used),
        }  # fmt: skip
        bad = int(rng.binomial(n, 0.01))
        outcomes.append(Outcome("measurement", k, family, n, n, 0, named, {}, {I18: bad} if bad else {}))
    return Figures(make(outcomes))


def test_differences_by_hand(make: Made) -> None:
    """Means 0.75 * 1 + 0.25 * 3 and 0.75 * 2 + 0.25 * 3 of as many probes; the rate of I18 falls from 1/40 to 0."""

    def made(few: int, violated: int) -> Figures:
        first = Outcome(
            "measurement", 0, "few", 30, 9, 0, {"waste_pages": {few: 30}}, {}, {I18: violated} if violated else {}
        )
        return Figures(make([first, Outcome("measurement", 1, "many", 10, 9, 0, {"waste_pages": {3: 10}})]))

    found = compare(made(1, 1), made(2, 0))
    waste, rate = found.differences
    assert (waste.name, waste.a, waste.b, waste.difference) == ("waste_pages", 1.5, 2.25, 0.75)
    assert waste.a12 == pytest.approx(0.75 * 1 + 0.25 * 0.5)
    # 30 and 10 cases: the second family by its range of 1,024 + 33 pages, the first by Bernstein's inequality
    assert waste.interval.low is not None
    assert waste.interval.low < -200
    assert waste.a12_interval.low is not None
    assert waste.a12_interval.low <= waste.a12
    assert rate.counts == (1, 40, 0, 40)
    assert (found.cases, found.probes) == ((40, 40), (40, 40))
    assert (rate.name, rate.b) == ("I18 violated", 0.0)
    assert rate.a == pytest.approx(0.75 / 30)
    assert rate.interval.low is not None
    assert rate.interval.high is not None
    assert rate.interval.low < -0.025 < rate.interval.high
    assert rate.p == 1.0
    assert [(row.invariant, row.clean, row.needed) for row in found.fixed] == [("I18", 40, 119)]


def test_families_of_one_campaign_only_are_left_out(make: Made) -> None:
    """They are named; without a common family there is nothing to compare."""
    few, many = (Outcome("measurement", 0, name, 40, 9, 0, {"waste_pages": {1: 40}}) for name in ("few", "many"))
    found = compare(Figures(make([few, many])), Figures(make([few])))
    assert (found.families, found.left_out, found.cases) == (("few",), ("many",), (40, 40))
    with pytest.raises(InputError, match="without a common family"):
        compare(Figures(make([few])), Figures(make([many])))


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that look at no interval of a mean: nothing else is drawn again, and it takes three quarters of a
    comparison.
    """
    monkeypatch.setattr(bootstrap, "RESAMPLES", 19)


@pytest.mark.usefixtures("few_resamples")
def test_equal_laws_are_rarely_flagged(make: Made) -> None:
    """Of 150 comparisons of a law with itself at most 17 flag anything (true rate 5%: P(more) < 0.1%).

    The control: without the correction more than 17 do, since a comparison holds some ten figures.
    """
    rng = np.random.default_rng(11)
    flagged = uncorrected = 0
    for _ in range(150):
        rows = compare(drawn(make, rng, 1000), drawn(make, rng, 1000)).differences
        flagged += any(row.adjusted <= 0.05 for row in rows)
        uncorrected += any(row.p <= 0.05 for row in rows)
    assert flagged <= 17
    assert uncorrected > 17


def test_an_extra_page_is_found(make: Made) -> None:
    """One page more in a quarter of 2,000 cases, drawn apart: found in each of 20 trials (power below 0.95: P < 36%,
    below 0.6: P < 0.01%), its interval holds the true 0.25 in 16 or more of them (nominal 95%: P(fewer) < 0.3%).
    """
    rng = np.random.default_rng(12)
    held = 0
    for _ in range(20):
        waste = compare(drawn(make, rng, 2000), drawn(make, rng, 2000, extra=1)).differences[0]
        assert waste.adjusted <= 0.05
        assert waste.interval.low is not None
        assert waste.interval.high is not None
        held += waste.interval.low <= 0.25 <= waste.interval.high
    assert held >= 16


def test_the_text_is_ascii_of_78_columns(make: Made) -> None:
    """Sections for quantities, rates and what is fixed; hostile names are escaped; equal input, equal bytes."""
    rng = np.random.default_rng(13)
    a, b = drawn(make, rng, 2000), drawn(make, rng, 2000, extra=1)
    outcome = Outcome("measurement", 0, "few", 500, 9, 0, {"waste_pages": {1: 500}})
    clean = Figures(make([outcome], out="out/\u00e9\x1b" + "x" * 99))
    for one, other in ((a, b), (a, clean), (clean, clean)):
        text = page_text(compare_page(one, other))
        assert text.isascii()
        assert all(line.isprintable() and len(line) <= 78 for line in text.splitlines())
        assert text == page_text(compare_page(one, other))
    text = page_text(compare_page(a, b))
    assert "pages wasted: A12" in text
    assert (
        " ".join(text.split()).count("2,000 measured cases, 2,000 charged probes; stopped by a fixed number of cases")
        == 2
    )
    for statistic in ("mean", "p50", "p90", "p99"):
        assert len([line for line in text.splitlines() if line.split()[:1] == [statistic]]) == 5
    assert "Is it fixed?" in page_text(compare_page(a, clean))
    assert "Is it fixed?" not in page_text(compare_page(clean, a))
    assert "None of 1 figures differs" in page_text(compare_page(clean, clean))


def test_rates_of_a_million_cases_keep_to_78_columns(make: Made) -> None:
    """Counts of seven digits, a p of four decimals, intervals of many: every line fits, and each figure is there."""

    def made(violated: int) -> Figures:
        named = {"waste_pages": {1: 1_000_000}, "misplaced_bytes": {0: 900_000, 48: 100_000}}
        return Figures(make([Outcome("measurement", 0, "few", 1_000_000, 9, 0, named, {}, {I18: violated})]))

    text = page_text(compare_page(made(123_456), made(123_999)))
    assert max(map(len, text.splitlines())) <= 78
    for words in ("123,456 of 1,000,000", "123,999 of 1,000,000", "k of n; p, Holm", "by weight"):
        assert words in text


def poisson_p90(extra: int) -> int:
    """The 0.9-quantile of what `drawn` draws: three quarters Poisson(2), a quarter Poisson(6) + extra."""

    def below(mean: float, x: int) -> float:
        return sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(x + 1))

    return next(x for x in range(99) if 0.75 * below(2, x) + 0.25 * below(6, x - extra) >= 0.9)


@pytest.mark.usefixtures("few_resamples")
def test_quantile_differences_hold_what_is_true(make: Made) -> None:
    """p90 of waste of two laws apart: in 40 trials the interval holds the enumerated difference in 34 or more
    (nominal 95%: P(fewer) < 0.5%), and nearly always leaves out a difference of 5 pages, the control.
    """
    rng = np.random.default_rng(14)
    true, held, far = poisson_p90(2) - poisson_p90(0), 0, 0
    for _ in range(40):
        found = values(drawn(make, rng, 2000), drawn(make, rng, 2000, extra=2), ("few", "many"))
        p90 = next(v for v in found if (v.quantity, v.statistic) == ("waste_pages", "p90"))
        assert p90.interval.low is not None
        assert p90.interval.high is not None
        held += p90.interval.low <= true <= p90.interval.high
        far += p90.interval.high >= true + 5
    assert held >= 34
    assert far <= 4


def test_curves_of_both_stand_in_one_table(make: Made) -> None:
    """On two nodes, KERNEL and NOWAIT, A and B each: 3 precharged and 1 used fails with 1 or 2 pages left."""
    found = []
    for used in (1, 2):
        joint = {((2 * 2 + nowait << 20) + 3 << 20) + used: 50 for nowait in (0, 1)}
        waste = {"waste_pages": {3 - used: 100}, "precharge_used": joint}
        found.append(Figures(make([Outcome("measurement", 0, "few", 100, 9, 0, waste)])))
    lines = [line.split() for line in page_text(compare_page(*found)).splitlines()]
    rows = [line for line in lines if line[1:3] in (["KERNEL", "A"], ["KERNEL", "B"], ["NOWAIT", "B"])]
    assert [(row[2], row[4]) for row in rows[:3]] == [("A", "100%"), ("B", "-"), ("B", "-")]


def test_the_headline_says_from_what_to_what(make: Made) -> None:
    """The first section is a line a figure, with amount and interval, and says what may be chance; the picture has both
    campaigns. Control: of a campaign with itself the waste does not move.
    """
    rng = np.random.default_rng(14)
    a, b = drawn(make, rng, 2000), drawn(make, rng, 2000, extra=1)
    first = compare_page(a, b).sections[0]
    assert first.name == "summary"
    assert re.search(r"pages wasted: mean \d\.\d\d -> \d\.\d\d, \+0\.\d\d \[0\.\d\d, 0\.\d\d\]", " ".join(first.words))
    assert [kind for kind, _ in first.figures[0].keys] == ["s1", "s2"]
    same = " ".join(compare_page(a, a).sections[0].words)
    assert re.search(r"pages wasted: mean (\d\.\d\d) -> \1, 0\.00 \[", same)
    assert "I18 violated: 24 of 2,000 cases -> 24 of 2,000; may be chance" in same


def test_a_comparison_is_a_mail(make: Made) -> None:
    """At most 40 lines of 72 columns, commands apart, that say that they come from a model, and both commands."""
    rng = np.random.default_rng(15)
    text = mail_of(drawn(make, rng, 500), drawn(make, rng, 500, extra=1))
    lines = text.splitlines()
    assert len(lines) <= 40
    assert all(len(line) <= 72 for line in lines if "Repeat: " not in line)
    assert text.startswith("From a model, not from a kernel")
    assert text.count("Repeat: percpu-fuzz run") == 2


def test_a_comparison_is_json(make: Made) -> None:
    """Every difference with its interval, every value, both sides; what JSON takes."""
    rng = np.random.default_rng(16)
    made = compare_json(drawn(make, rng, 500), drawn(make, rng, 500, extra=1))
    assert json.loads(json.dumps(made, allow_nan=False)) == json.loads(json.dumps(made))
    assert {"a", "b", "differences", "values", "fixed", "verdict", "model"} <= set(made)
    assert made["differences"][0]["name"] == "waste_pages"


def test_the_headline_leaves_huge_machines_to_a_line_of_their_own(make: Made) -> None:
    """Waste on machines of up to 64 nodes first, then with the others. Control: not without such families."""
    outcomes = [
        Outcome("measurement", k, name, 400, 9, 0, {"waste_pages": {pages: 400}})
        for k, (name, pages) in enumerate((("few", 2), ("many", 90)))
    ]
    plain = make(outcomes)
    sized = Figures(make(outcomes, describe={**plain.describe, "nodes": {"few": [1, 4], "many": [100, 1024]}}))
    said = " ".join(mail_of(sized, sized).split())
    first, whole = (
        said.find(f"pages wasted {words}") for words in ("on machines of up to 64", "with machines of over 64")
    )
    assert 0 < first < whole
    assert "64 nodes (weight 25%; 400 cases in A, 400 cases in B): mean 24.00 -> 24.00" in said
    assert "64 nodes" not in mail_of(Figures(plain), Figures(plain))
