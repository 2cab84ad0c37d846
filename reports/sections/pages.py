"""A campaign as a page: the sections of report.html and report.md, in the order in which they are read."""

from __future__ import annotations

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import invariant_estimates
from percpu_fuzz.reports.figures.once import once
from percpu_fuzz.reports.render.page import Page
from percpu_fuzz.reports.sections.costs import costs_section
from percpu_fuzz.reports.sections.findings import findings_section
from percpu_fuzz.reports.sections.precharge import headroom_section, in_flight_section, misplaced_section
from percpu_fuzz.reports.sections.run import certificate_sections, run_section
from percpu_fuzz.reports.sections.run_words import verdict_words
from percpu_fuzz.reports.sections.violations import discovery_section, violations_section
from percpu_fuzz.reports.sections.waste import waste_section


@once
def page_of(campaign: Campaign) -> Page:
    """The page; a pure function of the campaign's stored records."""
    invariants = invariant_estimates(campaign)
    sections = (
        violations_section(campaign, invariants),
        findings_section(campaign),
        *certificate_sections(campaign),
        waste_section(campaign),
        headroom_section(campaign),
        misplaced_section(campaign),
        in_flight_section(campaign),
        costs_section(campaign),
        discovery_section(campaign),
        run_section(campaign),
    )
    return Page(
        f"percpu-fuzz: variant {campaign.variant}, seed {campaign.seed}", verdict_words(campaign, invariants),
        any(row.cases for row in invariants), campaign.command, sections,
    )  # fmt: skip
