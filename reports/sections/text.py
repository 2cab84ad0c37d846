"""report.txt: a campaign as plain ASCII text of at most 78 columns, fit to paste into a mail."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import (
    family_estimates,
    invariant_estimates,
    pooled_estimates,
    shares,
)
from percpu_fuzz.reports.numbers import command, entry, heading, number, paragraph, plural, title, weight
from percpu_fuzz.reports.sections.certificate_words import certificate_words
from percpu_fuzz.reports.sections.run_words import (
    LISTED,
    STREAM_WORDS,
    ended_words,
    option_words,
    rate_words,
    verdict_words,
)
from percpu_fuzz.reports.sections.text_events import events_section, hazards_section
from percpu_fuzz.reports.sections.text_findings import findings_section
from percpu_fuzz.reports.sections.text_operations import operations_section
from percpu_fuzz.reports.sections.text_precharge import precharge_sections
from percpu_fuzz.reports.sections.text_strata import strata_section
from percpu_fuzz.reports.sections.text_violations import signatures_section, violations_section
from percpu_fuzz.reports.sections.text_waste import families_section, waste_section


def report_text(campaign: Campaign) -> str:
    """The whole report, ending in a newline. Equal campaigns give equal bytes."""
    invariants, pooled = invariant_estimates(campaign), pooled_estimates(campaign)
    lines = [
        *title(f"percpu-fuzz: variant {campaign.variant}, seed {campaign.seed}"),
        *paragraph(verdict_words(campaign, invariants)),
        *run_section(campaign),
        *certificate_section(campaign),
        *violations_section(campaign, invariants),
        *findings_section(campaign),
        *waste_section(campaign, pooled),
        *strata_section(campaign),
        *precharge_sections(campaign, pooled),
        *operations_section(campaign.operations),
        *events_section(campaign),
        *hazards_section(campaign),
        *families_section(campaign, family_estimates(campaign)),
        *signatures_section(campaign),
    ]
    return "\n".join(lines) + "\n"


def certificate_section(campaign: Campaign) -> list[str]:
    """What the campaign bounds, each statement with its theorem."""
    words = certificate_words(campaign)
    return [*heading("Certificate"), *(line for said in words for line in paragraph(said))] if words else []


def run_section(campaign: Campaign) -> list[str]:
    """What was run, how it is run again, and how it ended."""
    lines = heading("Run")
    for name, value in campaign.describe.items():
        if name not in LISTED:
            lines += entry(name, option_words(value))
    lines += entry("families", ", ".join(f"{name} {weight(share)}" for name, share in shares(campaign).items()))
    lines += entry("code", str(campaign.describe.get("code", "not recorded")))
    measured, hunted = campaign.cases(MEASUREMENT), campaign.cases(HUNTING)
    lines += entry("cases", f"{number(measured + hunted)}: {number(measured)} measured, {number(hunted)} hunted")
    lines += entry("steps", number(campaign.steps))
    lines += entry("seconds", f"{campaign.seconds:.1f} on {plural(campaign.workers, 'worker')}")
    lines += entry("compilation", f"{campaign.compile_seconds:.1f} s before that, not counted")
    lines += entry("rate", rate_words(campaign))
    lines += entry("ended by", ended_words(campaign))
    lines += entry("digest", campaign.digest)
    lines += ["  repeat with:", *command(campaign.command, "    ")]
    return [*lines, "", *paragraph(STREAM_WORDS)]
