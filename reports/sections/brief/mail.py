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
from percpu_fuzz.reports.sections.brief.summary import against_base_words, headline_waste, waste_words

MAIL_WIDTH, MAIL_LINES_MOST = 72, 40
SCHEDULE_LEAST, SCHEDULE_MOST = 4, 12  # lines, its head included


def mail_text(figures: Figures) -> str:
    """The whole mail, ending in a newline."""
    campaign = figures.campaign
    head, end = [*wrapped(origin_words(campaign)), ""], ["", *cost_lines(figures), "", *repeat_lines(campaign)]
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
    """A sentence and a schedule each, as many as there is room for; the rest by number."""
    sentences = [sentence_lines(one) for one in found]
    shown, every = len(found), len(campaign.findings)
    while shown > 1 and sum(len(lines) + SCHEDULE_LEAST + 1 for lines in sentences[:shown]) + (shown < every) > room:
        shown -= 1
    left = room - sum(len(lines) + 1 for lines in sentences[:shown]) + 1 - (shown < every)
    lines: list[str] = []
    for place, (one, said) in enumerate(zip(found[:shown], sentences, strict=False)):
        drawn = two_columns(one.until_broken, min(SCHEDULE_MOST, left // (shown - place)), MAIL_WIDTH - 2)
        left -= len(drawn)
        lines += [*([""] if lines else []), *said, *(f"  {line}" for line in drawn)]
    if shown < every:
        lines.append(f"and {every - shown} more.")
    return lines


def sentence_lines(found: Cause) -> list[str]:
    """1) What goes wrong, how often, and where else."""
    rate = found.measured.partition(": ")[2] or found.measured
    also = ", ".join(f"also on {name}" for name, breaks in found.others if breaks)
    words = f"{found.number}) {found.sentence}. {rate} of cases" + (f"; {also}" if also else "")
    return textwrap.wrap(plain(words) + ".", MAIL_WIDTH, subsequent_indent="   ")


def cost_lines(figures: Figures) -> list[str]:
    """What the precharge costs."""
    found = headline_waste(figures)
    if not figures.precharges or found is None:
        return wrapped(f"Cost: {figures.campaign.variant} precharges nothing.")
    return wrapped(f"Cost: {waste_words(*found)} {against_base_words(figures)}")


def repeat_lines(campaign: Campaign) -> list[str]:
    """The command, whole whatever its length, and what the result depends on."""
    code = str(campaign.describe.get("code", "not recorded"))
    version = " ".join(filter(None, ("percpu-fuzz", campaign.version)))
    return [f"Repeat: {plain(campaign.command)}", f"  {version}, code {code}, {campaign.began}".rstrip(", ")]


def wrapped(words: str) -> list[str]:
    """Wrapped to the mail's width."""
    return textwrap.wrap(plain(words), MAIL_WIDTH, break_on_hyphens=False)
