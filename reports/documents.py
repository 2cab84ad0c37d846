"""A campaign as report.html and report.md: its page, rendered. Both are ASCII; equal campaigns give equal bytes."""

from __future__ import annotations

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.markdown import page_markdown
from percpu_fuzz.reports.sections.pages import page_of


def report_html(campaign: Campaign) -> str:
    """The whole page, ending in a newline."""
    return page_html(page_of(campaign))


def report_markdown(campaign: Campaign) -> str:
    """The page without its pictures, ending in a newline."""
    return page_markdown(page_of(campaign))
