"""A campaign as a reply for a mailing list: at most 40 lines of 72 columns that say that they come from a model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.identity import mail_words, part_words
from percpu_fuzz.reports.numbers import number, plain, plural
from percpu_fuzz.reports.sections.brief.causes import REFERENCES, Cause, causes
from percpu_fuzz.reports.sections.brief.schedule import two_columns
from percpu_fuzz.reports.sections.brief.summary import huge_words, planted_words, show_line, waste_said

MAIL_WIDTH, MAIL_LINES_MOST = 72, 40
SCHEDULE_LEAST, SCHEDULE_MOST = 6, 14  # lines, its head included; the first finding has the most that there is room for


def mail_text(figures: Figures) -> str:
    """The whole mail, ending in a newline."""
    campaign = figures.campaign
    planted = planted_words(campaign)
    known = [*cost_lines(figures), *([f"Planted: {planted}"] if planted else [])]
    head, end = [*wrapped(origin_words(campaign)), ""], ["", *known, "", *repeat_lines(campaign)]
    found = causes(campaign)
    body = (
        told_lines(campaign, found, MAIL_LINES_MOST - len(head) - len(end)) if found else wrapped(clean_words(figures))
    )
    return "\n".join([*head, *body, *end][:MAIL_LINES_MOST]) + "\n"


def origin_words(campaign: Campaign) -> str:
    """Where this comes from."""
    cases = plural(sum(campaign.cases(stream) for stream in STREAMS), "case")
    found = len(campaign.findings)
    return (
        f"{mail_words(campaign.variant)} {part_words(campaign.variant)}, {cases}: "
        f"{plural(found, 'finding') if found else 'no finding'}{references_words(campaign)}."
    )


def references_words(campaign: Campaign) -> str:
    """On which references none of the findings shows, with the same machines, programs and schedules."""
    every = [dict(one.others) for one in causes(campaign)]
    clean = [name for name in REFERENCES if every and all(row.get(name) is False for row in every)]
    return f"; none shows on {' or '.join(clean)} with the same schedule" if clean else ""


def clean_words(figures: Figures) -> str:
    """What is known without a finding."""
    broken = [row.invariant for row in figures.invariants if row.cases]
    if broken:
        return f"{', '.join(broken)} violated; no case was shrunk."
    bounds = [row for row in figures.invariants if row.applicable is not False and row.measurement.upper_bound]
    if not bounds:
        return "No invariant was violated, and no case was measured."
    n = number(bounds[0].measurement.n)
    return (
        f"No invariant was violated ({len(bounds)} apply). In {n} random cases each is broken in at most "
        f"{100 * (bounds[0].measurement.upper_bound or 0):.2g}% of what was drawn (95%); that is no proof."
    )


def told_lines(campaign: Campaign, found: Sequence[Cause], room: int) -> list[str]:
    """The first finding with its schedule and how to replay it; others where there is room left, the rest by number.

    Another one gives way first: its schedule, then its sentence.
    """
    every = len(campaign.findings)
    lines: list[str] = []
    for place, one in enumerate(found):
        said, last = sentence_lines(one), f"  {plain(show_line(campaign, one))}"
        left = room - len(lines) - len(said) - bool(lines) - (place + 1 < every)
        if lines and left < 0:
            return [*lines, f"and {every - place} more."]
        drawn = [] if lines and left <= SCHEDULE_LEAST else drawn_lines(one, left - 1)
        end = [last] if left > len(drawn) else []
        lines += [*([""] if lines else []), *said, *drawn, *end]
    return [*lines, *([f"and {every - len(found)} more."] if every > len(found) else [])]


def drawn_lines(found: Cause, room: int) -> list[str]:
    """A schedule in two columns, indented."""
    return [f"  {line}" for line in two_columns(found.until_broken, min(SCHEDULE_MOST, room), MAIL_WIDTH - 2)]


def sentence_lines(found: Cause) -> list[str]:
    """1) What goes wrong, how often, and where else."""
    rate, _, hunted = (found.measured.partition(": ")[2] or found.measured).partition("; ")
    also = [f"also on {name}" for name, breaks in found.others if breaks]
    words = "; ".join(filter(None, (f"{found.number}) {found.sentence}. {rate} of cases", hunted, *also)))
    return textwrap.wrap(plain(words) + ".", MAIL_WIDTH, subsequent_indent="   ")


def cost_lines(figures: Figures) -> list[str]:
    """What the precharge costs."""
    words = huge_words(figures)
    larger = wrapped(words[0].upper() + words[1:]) if words else []
    return [*wrapped(f"Cost: {waste_said(figures)}"), *larger]


def repeat_lines(campaign: Campaign) -> list[str]:
    """The command, whole whatever its length, and what the result depends on."""
    code = str(campaign.describe.get("code", "not recorded"))
    version = " ".join(filter(None, ("percpu-fuzz", campaign.version)))
    return [f"Repeat: {plain(campaign.command)}", f"  {version}, code {code}, {campaign.began}".rstrip(", ")]


def wrapped(words: str, first: str = "", rest: str = "") -> list[str]:
    """Wrapped to the mail's width; what the first line and the others begin with."""
    return textwrap.wrap(plain(words), MAIL_WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
