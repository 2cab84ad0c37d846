"""A campaign as a page: the sections of report.html and report.md, in the order in which they are read."""

from __future__ import annotations

from reports.campaign import Campaign
from reports.estimates import invariant_estimates
from reports.once import once
from reports.page import Page
from reports.run_words import verdict_words
from reports.sections.costs import costs_section
from reports.sections.findings import findings_section
from reports.sections.precharge import headroom_section, in_flight_section, misplaced_section
from reports.sections.run import certificate_sections, run_section
from reports.sections.violations import discovery_section, violations_section
from reports.sections.waste import waste_section


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
