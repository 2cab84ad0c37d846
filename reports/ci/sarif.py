"""SARIF 2.1.0 (OASIS): one rule an invariant, one result a violated one; what GitHub code scanning takes in."""

from __future__ import annotations

import json
from typing import Any

from percpu_fuzz.reports.ci.verdicts import Verdict, verdicts
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import plain

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(figures: Figures, exit_status: int) -> str:
    """The whole file."""
    campaign = figures.campaign
    rows = verdicts(figures, exit_status)
    rules = [{"id": _rule(row), "shortDescription": {"text": plain(row.meaning)}} for row in rows]
    run = {
        "tool": {"driver": {"name": "percpu-fuzz", "rules": rules}},
        "invocations": [
            {
                "commandLine": plain(campaign.command),
                "executionSuccessful": exit_status != 3,
                "exitCode": exit_status,
            }
        ],
        "results": [_result(row, index) for index, row in enumerate(rows) if row.failed],
        "properties": {"variant": plain(campaign.variant), "seed": str(campaign.seed), "digest": campaign.digest},
    }
    log = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


def _rule(row: Verdict) -> str:
    return plain(row.name).replace(" ", "-")


def _result(row: Verdict, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": _rule(row),
        "ruleIndex": index,
        "level": "error",
        "message": {"text": "\n".join(map(plain, row.said))},
    }
    if row.file is not None:
        place = {"artifactLocation": {"uri": plain(row.file).replace(" ", "%20")}}
        result["locations"] = [{"physicalLocation": place}]
    return result
