"""A campaign as a page: its sections in the order in which they are read."""

from __future__ import annotations

from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.render.page import Page, Section
from percpu_fuzz.reports.sections.brief.summary import cost_section, summary_section
from percpu_fuzz.reports.sections.certificate import certificate_section
from percpu_fuzz.reports.sections.costs import costs_section, fit_parts
from percpu_fuzz.reports.sections.findings import findings_section
from percpu_fuzz.reports.sections.headroom import headroom_section
from percpu_fuzz.reports.sections.in_flight import in_flight_section
from percpu_fuzz.reports.sections.misplaced import misplaced_section
from percpu_fuzz.reports.sections.run import events_part, hazards_part, reached_section, run_section
from percpu_fuzz.reports.sections.run_words import identity_words, verdict_words
from percpu_fuzz.reports.sections.sampled import sampled_page
from percpu_fuzz.reports.sections.violations import (
    discovery_section,
    signature_parts,
    until_fixed_section,
    violations_section,
)
from percpu_fuzz.reports.sections.waste import waste_section


def details_section(figures: Figures) -> Section:
    """What only few readers look for, each as an entry that a page opens when asked."""
    campaign = figures.campaign
    parts = (*signature_parts(campaign), events_part(campaign), hazards_part(campaign), *fit_parts(figures))
    return Section(
        "details", "Details", ("Counts and fits for who works on the model or on the figures above.",), parts=parts
    )


SECTIONS = (violations_section, until_fixed_section, findings_section, waste_section)
OF_PRECHARGE = (headroom_section, misplaced_section, in_flight_section)
OF_RUN = (costs_section, certificate_section, discovery_section, reached_section, run_section, details_section)


def page_of(figures: Figures) -> Page:
    """The page; a pure function of the campaign's stored records."""
    campaign = figures.campaign
    if campaign.waste_only:
        return sampled_page(figures)
    chosen = (*SECTIONS, *(OF_PRECHARGE if figures.precharges else ()), *OF_RUN)
    made = (section(figures) for section in chosen)
    return Page(
        f"percpu-fuzz: variant {campaign.variant}, seed {campaign.seed}", verdict_words(figures),
        any(row.cases for row in figures.invariants), campaign.command,
        (summary_section(figures), cost_section(figures), *(section for section in made if section.words)),
        identity_words(campaign),
    )  # fmt: skip
