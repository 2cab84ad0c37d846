"""Any page as HTML: one file with its style and pictures inside; no script, no address, text from outside escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from percpu_fuzz.reports.numbers import number, plain
from percpu_fuzz.reports.render.page import Page

TEMPLATES = Path(__file__).parent / "templates"
WHOLE = re.compile(r"\[[^][]{1,40}\]")
CONTENT = "default-src 'none'; style-src 'unsafe-inline'"


def page_html(page: Page) -> str:
    """The whole page, ending in a newline. ASCII; equal pages give equal bytes."""
    return _template().render(page=page, policy=CONTENT).rstrip("\n") + "\n"


def cell(text: str) -> Markup:
    """A cell's text, escaped; an interval in it is not broken over lines."""
    return Markup(WHOLE.sub(r'<span class="whole">\g<0></span>', str(escape(plain(text)))))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES, encoding="ascii"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["plain"] = plain
    environment.filters["cell"] = cell
    environment.filters["number"] = number
    environment.filters["words"] = str.split
    environment.globals["style"] = (TEMPLATES / "report.css").read_text(encoding="ascii")
    return environment.get_template("report.html.j2")
