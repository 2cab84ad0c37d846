"""The published JSON Schema: it is the one that the code gives, it accepts reports, it refuses what is not one."""

from __future__ import annotations

import copy
from collections.abc import Callable

import jsonschema
import pytest
from places import ROOT
from rendered import report_json
from report_schema import report_schema, schema_text

from percpu_fuzz.reports.campaign import Campaign

Made = Callable[..., Campaign]
PUBLISHED = ROOT / "docs" / "report.schema.json"
VALIDATOR = jsonschema.Draft202012Validator(report_schema())


def test_the_published_schema_is_that_of_the_code() -> None:
    """docs/report.schema.json is report_schema.schema_text(), and a schema by its own rules."""
    assert PUBLISHED.read_text(encoding="ascii") == schema_text()
    jsonschema.Draft202012Validator.check_schema(report_schema())


def test_reports_are_valid(make: Made) -> None:
    """With violations, without a case, without a finding, and of a variant that precharges nothing."""
    base = {"variant": "base", "seed": 7, "families": {"few": 3, "many": 1}}
    for campaign in (make(), make([]), make(findings=[]), make(describe=base)):
        VALIDATOR.validate(report_json(campaign))


@pytest.mark.parametrize(
    "path",
    ["digest", "level", "headroom", "discovery.risk", "stopping.by", "waste.pages.quantiles", "invariants.0.first"],
)
def test_a_missing_member_is_refused(make: Made, path: str) -> None:
    """The control: without one of its members the report is no report."""
    report = copy.deepcopy(report_json(make()))
    *way, last = path.split(".")
    inner = report
    for step in way:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    del inner[last]
    assert not VALIDATOR.is_valid(report)


def test_unknown_members_and_wrong_types_are_refused(make: Made) -> None:
    """A member that nobody described, a count below zero, a digest that is none."""
    for change in ({"extra": 1}, {"cases": -1}, {"digest": "5e"}, {"exit": 5}, {"schema": 2}):
        assert not VALIDATOR.is_valid(report_json(make()) | change)
