"""The formats that a CI system takes, by name."""

from __future__ import annotations

from collections.abc import Callable

from percpu_fuzz.reports.ci.github import github
from percpu_fuzz.reports.ci.jsonl import jsonl
from percpu_fuzz.reports.ci.junit import junit
from percpu_fuzz.reports.ci.ktap import ktap
from percpu_fuzz.reports.ci.sarif import sarif
from percpu_fuzz.reports.figures.figures import Figures

FORMATS: dict[str, tuple[str, Callable[[Figures, int], str]]] = {
    "junit": ("report.junit.xml", junit),
    "sarif": ("report.sarif", sarif),
    "github": ("report.github.txt", github),
    "ktap": ("report.ktap", ktap),
    "jsonl": ("report.jsonl", jsonl),
}
