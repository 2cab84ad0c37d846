"""A campaign's reports, each by itself."""

from __future__ import annotations

import json
from typing import Any

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.markdown import page_markdown
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.report_json import dumps
from percpu_fuzz.reports.report_json import report_json as report_object
from percpu_fuzz.reports.sections.pages import page_of


def report_text(campaign: Campaign) -> str:
    """report.txt."""
    return page_text(page_of(Figures(campaign)))


def report_html(campaign: Campaign) -> str:
    """report.html."""
    return page_html(page_of(Figures(campaign)))


def report_markdown(campaign: Campaign) -> str:
    """report.md."""
    return page_markdown(page_of(Figures(campaign)))


def report_json(campaign: Campaign) -> Any:
    """report.json, read back."""
    return json.loads(dumps(report_object(Figures(campaign))))
