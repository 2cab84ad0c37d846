"""report.txt, report.md and report.html: a campaign's page, rendered. ASCII; equal campaigns give equal bytes."""

from __future__ import annotations

from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.markdown import page_markdown
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.pages import page_of


def documents(figures: Figures) -> dict[str, str]:
    """The whole of each file, ending in a newline, by its name."""
    page = page_of(figures)
    return {"report.txt": page_text(page), "report.md": page_markdown(page), "report.html": page_html(page)}
