"""The JSON Schema of report.json (draft 2020-12), from its types; docs/report.schema.json is its published copy."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from percpu_fuzz.reports.report_json import EXTENDED, Report


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
