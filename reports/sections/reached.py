"""What of the modelled kernel is never reached, as a section: by reason, then what has none."""

from __future__ import annotations

from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import number, plural
from percpu_fuzz.reports.render.page import Section, Table

REACHED_WORDS = (
    "A mistake in a line that no case reaches is seen by nobody. In a sample of {cases} in plain mode, drawn as this "
    "campaign draws, {reached} of {places} were reached: each step, and both sides of each condition of the modelled "
    "kernel."
)
OTHER_WORDS = "Never reached, and for no reason that is known: {count}. Of another variant these may be its own way."


def reached_section(figures: Figures) -> Section:
    """Counts by reason, a line for each place that has none; without words, so left out, where nothing was sampled."""
    rows = figures.campaign.unreached
    if not rows:
        return Section("reached", "What is never reached")
    row = rows[0]
    excused, never = dict(row["excused"]), list(row["never"])
    reached = int(row["places"]) - sum(excused.values()) - len(never)
    words = (
        REACHED_WORDS.format(cases=plural(row["cases"], "case"), reached=number(reached), places=number(row["places"])),
        OTHER_WORDS.format(count=number(len(never))),
    )
    lines = sorted(((number(count), reason) for reason, count in excused.items()), key=lambda line: line[1])
    table = Table(("places", "never reached, because"), tuple(lines), prose=1)
    return Section("reached", "What is never reached", words, tables=(table,), lines=tuple(never))
