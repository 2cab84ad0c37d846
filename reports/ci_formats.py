"""The formats that a CI system takes, by name."""

from __future__ import annotations

from collections.abc import Callable

from reports.campaign import Campaign
from reports.ci_github import github
from reports.ci_jsonl import jsonl
from reports.ci_junit import junit
from reports.ci_ktap import ktap
from reports.ci_sarif import sarif

FORMATS: dict[str, tuple[str, Callable[[Campaign, int], str]]] = {
    "junit": ("report.junit.xml", junit),
    "sarif": ("report.sarif", sarif),
    "github": ("report.github.txt", github),
    "ktap": ("report.ktap", ktap),
    "jsonl": ("report.jsonl", jsonl),
}
