"""The contract's object and report.json."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest
from rendered import report_json

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.lanes import Line
from percpu_fuzz.reports.report_json import contract, dumps
from percpu_fuzz.reports.report_json import report_json as report_object

Made = Callable[..., Campaign]
KEYS = {
    "schema", "variant", "seed", "cases", "steps", "seconds", "digest", "streams", "violations", "waste", "interrupted",
    "exit",
}  # fmt: skip


def test_the_contract_has_its_keys_and_no_other(make: Made) -> None:
    """Exactly the object that scripts rely on, with the numbers of the outcomes."""
    found = contract(Figures(make()), 1)
    assert set(found) == KEYS
    assert (found["variant"], found["seed"], found["cases"], found["steps"], found["exit"]) == (
        "v2",
        7,
        600,
        160_000,
        1,
    )
    assert found["streams"] == {"measurement": {"cases": 400}, "hunting": {"cases": 200}}
    assert found["violations"] == [{"invariant": "I18", "count": 7, "finding": "findings/001-I18-v2.json"}]
    assert found["interrupted"] is False


def test_waste_is_that_of_the_measured_probes(make: Made) -> None:
    """The histogram counts probes of both families and none that was hunted; median 1, p90 7."""
    pages = contract(Figures(make()), 1)["waste"]["pages"]
    assert set(pages) == {"histogram", "mean", "quantiles", "weighted"}
    assert pages["histogram"] == {"1": 130, "2": 70, "7": 50}
    assert pages["quantiles"] == {"0.5": 1, "0.9": 7, "0.99": 7, "0.999": 7}
    assert pages["mean"] == pytest.approx((130 + 140 + 350) / 250)


def test_waste_is_recomputed_from_its_histogram(make: Made) -> None:
    """From the printed histogram alone; with families at unequal weights the weighted figures are others."""
    describe = {"variant": "v2", "seed": 7, "families": {"few": 1, "many": 99}}
    pages = contract(Figures(make(describe=describe)), 1)["waste"]["pages"]
    counted = sorted((int(value), number) for value, number in pages["histogram"].items())
    n = sum(number for _, number in counted)
    assert pages["mean"] == pytest.approx(sum(value * number for value, number in counted) / n)
    for p, found in pages["quantiles"].items():
        reached = (value for value, _ in counted if sum(m for v, m in counted if v <= value) >= float(p) * n)
        assert found == next(reached)
    assert pages["weighted"]["mean"] != pytest.approx(pages["mean"])


def test_the_steps_of_a_finding_are_told_as_text(make: Made) -> None:
    """Lanes as `replay --lanes` prints them; none without steps."""
    row = make().findings[0]
    steps = msgspec.to_builtins([Line(1, 0, "task 0", "IDLE")])
    (told,) = report_json(make(findings=[{**row, "steps": steps}]))["findings"]
    assert told == {**row, "lanes": ["step  CPU 0", "      [task 0]", "   1  begin"]}
    assert report_json(make(findings=[row]))["findings"] == [{**row, "lanes": []}]


def test_a_violation_without_a_file_has_no_finding(make: Made) -> None:
    """null, not an invented path."""
    assert contract(Figures(make(findings=[])), 1)["violations"] == [{"invariant": "I18", "count": 7, "finding": None}]


def test_base_keeps_the_shape_without_figures(make: Made, outcomes: list[Outcome]) -> None:
    """A variant that precharges nothing has an empty histogram and nulls, as has a campaign without a probe."""
    nothing = {"mean": None, "quantiles": {"0.5": None, "0.9": None, "0.99": None, "0.999": None}}
    empty = {"histogram": {}, **nothing, "weighted": nothing}
    describe = {"variant": "base", "seed": 7, "families": {"few": 3, "many": 1}}
    assert contract(Figures(make(outcomes[:1], describe=describe)), 0)["waste"] == {"pages": empty}
    assert contract(Figures(make([])), 0)["waste"] == {"pages": empty}


def test_the_report_holds_the_contract_and_more(make: Made) -> None:
    """A superset, with intervals for every estimate, both readings, families, hazards and the stopping rule."""
    campaign = make()
    whole = report_json(campaign)
    assert {key: whole[key] for key in KEYS} == contract(Figures(campaign), 1)
    assert whole["stopping"] == {"by": "cases", "budget_cases": 600, "budget_seconds": None, "stop": None}
    few = next(row for row in whole["families"] if row["name"] == "few")
    assert few["share"] == 0.75
    assert few["distributions"]["waste_pages"]["quantiles"]["0.5"] == {"value": 1, "interval": [1, 1]}
    assert whole["counts"]["measurement"]["hazard.H6"] == 3000
    row = next(row for row in whole["invariants"] if row["invariant"] == "I18")
    assert (row["measurement"]["k"], row["measurement"]["n"], row["hunting_cases"]) == (3, 400, 4)
    assert row["first"] == {"stream": "hunting", "k": 0, "case": 11}
    clean = next(row for row in whole["invariants"] if row["invariant"] == "I1")
    assert clean["measurement"]["upper_bound"] == pytest.approx(1 - 0.05 ** (1 / 400))
    assert len(whole["signatures"]) == 3


def test_it_is_canonical_json(make: Made) -> None:
    """One line, sorted keys, ASCII, readable back; equal campaigns give equal bytes."""
    text = dumps(report_object(Figures(make())))
    assert text.isascii()
    assert "\n" not in text
    assert text == json.dumps(json.loads(text), sort_keys=True)
    assert text == dumps(report_object(Figures(make())))


def test_an_unfinished_campaign_can_be_reported(make: Made) -> None:
    """Before the first batch there are no estimates, and nothing that JSON cannot hold."""
    whole = report_json(make([]))
    assert whole["pooled"] == {}
    assert whole["exit"] == 0
    assert all(row["measurement"]["n"] == 0 for row in whole["invariants"])
