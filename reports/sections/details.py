"""What only few readers look for, last on every page: signatures, counts of what happened, hazards, fits."""

from __future__ import annotations

from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.page import Section
from percpu_fuzz.reports.sections.costs import fit_parts
from percpu_fuzz.reports.sections.run import events_part, hazards_part
from percpu_fuzz.reports.sections.violations import signature_parts

DETAIL_WORDS = "Counts and fits for who works on the model or on the figures above."


def details_section(figures: Figures) -> Section:
    """Each as an entry that a page opens when asked."""
    campaign = figures.campaign
    parts = (*signature_parts(campaign), events_part(campaign), hazards_part(campaign), *fit_parts(figures))
    return Section("details", "Details", (DETAIL_WORDS,), parts=parts)
