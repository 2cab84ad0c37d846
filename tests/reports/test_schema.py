"""The published JSON Schema: it is the one that the code gives, it accepts reports, it refuses what is not one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest
from places import ROOT
from rendered import report_json

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.report_json import EXTENDED, Report

Made = Callable[..., Campaign]
PUBLISHED = ROOT / "docs" / "report.schema.json"


def report_schema() -> dict[str, Any]:
    """The whole schema. An object has no other members than those named, unless other commands may add to it."""
    schema = msgspec.json.schema(Report)
    for name, found in schema["$defs"].items():
        if "properties" in found and name not in {kind.__name__ for kind in EXTENDED}:
            found["additionalProperties"] = False
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "report.json of percpu-fuzz"}
    return head | schema


def schema_text() -> str:
    """docs/report.schema.json as it must stand there."""
    return json.dumps(report_schema(), indent=1, sort_keys=True) + "\n"


VALIDATOR = jsonschema.Draft202012Validator(report_schema())


def test_the_published_schema_is_that_of_the_code() -> None:
    """docs/report.schema.json is schema_text(), and a schema by its own rules."""
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
