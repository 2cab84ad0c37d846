"""Formats for CI: each valid by its own rules, each with the same verdicts, whatever the names hold."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import junitparser
import pytest
import xmlschema
from places import DATA, ROOT
from sarif_pydantic import Sarif

from percpu_fuzz.engine.core.evidence import MODEL_INVARIANTS
from percpu_fuzz.reports.ci import ERROR, FAIL, FORMATS, PASS, SKIP, verdicts
from percpu_fuzz.reports.figures.figures import Figures

Made = Callable[..., Any]
HOSTILE = "v2 ]]> <script>&amp; ::error::\n%0A \x00\x07 \u00e9 # SKIP, a:b"
RESULT = re.compile(r"(ok|not ok) ([1-9][0-9]*) ([^# ][^#]*?)(?: # (SKIP|TODO|XFAIL|TIMEOUT|ERROR)(?: (.*))?)?")
FAILED = {"stream": "hunting", "k": 3, "case": 17, "cases": 200, "tries": ["died of SIGSEGV"] * 3, "traceback": ""}


def plain(make: Made) -> Any:
    return make()


def hostile(make: Made) -> Any:
    """Every text from outside is hostile: variant, command, file, explanation, what a failed batch said."""
    describe = dict(make().describe) | {"variant": HOSTILE}
    row = dict(make().findings[0]) | {"file": f"findings/{HOSTILE}.json", "explanation": [HOSTILE, "two"]}
    failed = FAILED | {"tries": [HOSTILE, "x"]}
    return make(describe=describe, findings=[row], failed=[failed], command=HOSTILE)


def read_ktap(text: str) -> list[tuple[bool, str, str | None]]:
    """(passed, name, directive) of each result of KTAP version 1 without nested tests, read strictly.

    ValueError names the first line that the grammar of Documentation/dev-tools/ktap.rst does not allow.
    """
    lines = text.splitlines()
    if not text.endswith("\n") or lines[:1] != ["KTAP version 1"]:
        raise ValueError("line 1")
    plan = re.fullmatch(r"1\.\.([0-9]+)", lines[1])
    if plan is None:
        raise ValueError("line 2")
    found: list[tuple[bool, str, str | None]] = []
    for number, line in enumerate(lines[2:], 3):
        if line.startswith("# ") or line == "#":
            continue
        result = RESULT.fullmatch(line)
        if result is None or int(result[2]) != len(found) + 1:
            raise ValueError(f"line {number}: {line}")
        found.append((result[1] == "ok", result[3], result[4]))
    if len(found) != int(plan[1]):
        raise ValueError(f"{len(found)} results, {plan[1]} planned")
    return found


CAMPAIGNS = pytest.mark.parametrize("campaign_of", [plain, hostile])


def test_verdicts(make: Made) -> None:
    """I18 is violated, I1 holds, what does not apply is skipped, a lost batch and a broken harness are errors."""
    rows = {row.name: row for row in verdicts(Figures(make(failed=[FAILED])), 3)}
    assert rows["I18"].status == FAIL
    assert rows["I18"].file == "findings/001-I18-v2.json"
    assert "percpu-fuzz replay" in str(rows["I18"].replay)
    assert rows["I1"].status == PASS
    assert rows["I1b"].status in (PASS, SKIP)
    assert rows["hunting batch 3, at case 17"].status == ERROR
    assert rows["harness"].status == ERROR
    assert len(rows) == len(MODEL_INVARIANTS) + 2
    assert "harness" not in {row.name for row in verdicts(Figures(make()), 1)}


def counted(campaign: Any, exit_status: int = 1) -> dict[str, int]:
    rows = verdicts(Figures(campaign), exit_status)
    return {status: sum(row.status == status for row in rows) for status in (PASS, FAIL, SKIP, ERROR)}


@CAMPAIGNS
def test_junit_is_valid_and_counts(make: Made, campaign_of: Any) -> None:
    """Valid by the XSD; an independent reader finds the verdicts' numbers."""
    campaign = campaign_of(make)
    text = FORMATS["junit"][1](Figures(campaign), 1)
    schema = xmlschema.XMLSchema(str(DATA / "schemas" / "junit.xsd"))
    schema.validate(text)
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema.validate(text.replace("<properties>", "<props>").replace("</properties>", "</props>"))
    (suite,) = junitparser.JUnitXml.fromfile(io.BytesIO(text.encode()))
    expected = counted(campaign)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
        sum(expected.values()), expected[FAIL], expected[ERROR], expected[SKIP],
    )  # fmt: skip
    failing = [case.name for case in suite if any(isinstance(r, junitparser.Failure) for r in case.result)]
    assert failing == ["I18"]


@CAMPAIGNS
def test_sarif_is_valid_and_counts(make: Made, campaign_of: Any) -> None:
    """Valid by a typed model of SARIF 2.1.0; a result for each violation, that points at its rule."""
    campaign = campaign_of(make)
    text = FORMATS["sarif"][1](Figures(campaign), 1)
    log = Sarif.model_validate_json(text)
    assert log.version == "2.1.0"
    run = json.loads(text)["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    expected = counted(campaign)
    assert len(run["results"]) == expected[FAIL] + expected[ERROR]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
    broken = json.loads(text)
    broken["runs"][0]["results"][0]["message"] = 7
    with pytest.raises(ValueError, match="message"):
        Sarif.model_validate(broken)


@CAMPAIGNS
def test_ktap_is_valid_and_counts(make: Made, campaign_of: Any) -> None:
    """A strict reader of the grammar takes it; results are the verdicts in order; a broken file is refused."""
    campaign = campaign_of(make)
    text = FORMATS["ktap"][1](Figures(campaign), 1)
    found = read_ktap(text)
    expected = counted(campaign)
    assert sum(not passed for passed, _, _ in found) == expected[FAIL] + expected[ERROR]
    assert sum(directive == "SKIP" for _, _, directive in found) == expected[SKIP]
    with pytest.raises(ValueError, match="line 3"):
        read_ktap(text.replace("# ", "", 1))
    with pytest.raises(ValueError, match="planned"):
        read_ktap(text.replace(f"1..{len(found)}", f"1..{len(found) + 1}"))


@CAMPAIGNS
def test_github_commands_stay_on_their_lines(make: Made, campaign_of: Any) -> None:
    """One command a line; nothing from outside starts another one, and escapes read back to one message."""
    campaign = campaign_of(make)
    lines = FORMATS["github"][1](Figures(campaign), 1).splitlines()
    expected = counted(campaign)
    assert len(lines) == expected[FAIL] + expected[ERROR] + 1
    for line in lines:
        assert line.startswith(("::error ", "::notice "))
        properties, _, message = line.split(" ", 1)[1].partition("::")
        assert all("=" in one for one in properties.split(","))
        assert "\n" not in message
        assert line.isascii()
    assert "%0A" in lines[0]


@CAMPAIGNS
def test_json_lines_are_valid(make: Made, campaign_of: Any) -> None:
    """Every line is valid by the published schema; texts are kept as they are."""
    campaign = campaign_of(make)
    published = json.loads((ROOT / "docs" / "report.jsonl.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(published)
    rows = [json.loads(line) for line in FORMATS["jsonl"][1](Figures(campaign), 1).splitlines()]
    for row in rows:
        jsonschema.validate(row, published)
    assert rows[0]["variant"] == campaign.variant
    assert [row["status"] for row in rows[1:]] == [row.status for row in verdicts(Figures(campaign), 1)]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(rows[1] | {"more": 1}, published)


@CAMPAIGNS
def test_all_are_ascii_and_repeat(make: Made, campaign_of: Any) -> None:
    """Equal campaigns give equal ASCII bytes in every format."""
    for _, function in FORMATS.values():
        one, other = (function(Figures(campaign_of(make)), 1) for _ in range(2))
        assert one.encode("ascii") == other.encode("ascii")
