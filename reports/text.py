"""report.txt: a campaign as plain ASCII text of at most 78 columns, fit to paste into a mail."""

from __future__ import annotations

from reports.campaign import HUNTING, MEASUREMENT, STREAMS, Campaign
from reports.estimates import (
    InvariantEstimate,
    families_without_cases,
    family_estimates,
    invariant_estimates,
    pooled_estimates,
    shares,
)
from reports.layout import command, entry, heading, number, paragraph, plural, title, weight
from reports.text_events import events_section, hazards_section
from reports.text_findings import findings_section
from reports.text_operations import operations_section
from reports.text_violations import signatures_section, violations_section
from reports.text_waste import families_section, waste_section

STOPPED = {
    "cases": "the number of cases asked for was reached",
    "time": "the time budget ended; the number of cases was not fixed beforehand, and the intervals take it as given",
    "interrupt": "interrupted; what follows is what was finished until then",
    "failure": "a batch failed; what follows is what was finished before it",
}
LISTED = ("variant", "seed", "families", "code")  # options that are printed with words of their own


def report_text(campaign: Campaign) -> str:
    """The whole report, ending in a newline. Equal campaigns give equal bytes."""
    invariants = invariant_estimates(campaign)
    lines = [
        *title(f"percpu-fuzz: variant {campaign.variant}, seed {campaign.seed}"),
        *summary(campaign, invariants),
        *run_section(campaign),
        *violations_section(campaign, invariants),
        *findings_section(campaign),
        *waste_section(campaign, pooled_estimates(campaign), families_without_cases(campaign)),
        *operations_section(campaign.operations),
        *events_section(campaign),
        *hazards_section(campaign),
        *families_section(campaign, family_estimates(campaign)),
        *signatures_section(campaign),
    ]
    return "\n".join(lines) + "\n"


def summary(campaign: Campaign, invariants: list[InvariantEstimate]) -> list[str]:
    """The verdict, before anything else."""
    broken = [row.name for row in invariants if row.cases]
    cases = plural(sum(campaign.cases(stream) for stream in STREAMS), "case")
    if not broken:
        words = f"No invariant that applies was violated in {cases}."
        return paragraph(f"{words} That bounds how often one is; it proves none.")
    return paragraph(f"Violated: {', '.join(broken)}, in {cases}.")


def run_section(campaign: Campaign) -> list[str]:
    """What was run, how it is run again, and how it ended."""
    lines = heading("Run")
    for name, value in campaign.describe.items():
        if name not in LISTED:
            lines += entry(name, _shown(value))
    lines += entry("families", ", ".join(f"{name} {weight(share)}" for name, share in shares(campaign).items()))
    lines += entry("code", str(campaign.describe.get("code", "not recorded")))
    measured, hunted = campaign.cases(MEASUREMENT), campaign.cases(HUNTING)
    lines += entry("cases", f"{number(measured + hunted)}: {number(measured)} measured, {number(hunted)} hunted")
    lines += entry("steps", number(campaign.steps))
    lines += entry("seconds", f"{campaign.seconds:.1f} on {plural(campaign.workers, 'worker')}")
    lines += entry("compilation", f"{campaign.compile_seconds:.1f} s before that, not counted")
    lines += entry("rate", _rate(campaign))
    lines += entry("ended by", _ended(campaign))
    lines += entry("digest", campaign.digest)
    lines += ["  repeat with:", *command(campaign.command, "    ")]
    return [*lines, "", *paragraph(STREAM_WORDS)]


STREAM_WORDS = (
    "Every estimate comes from the measured cases, drawn independently from the families above by weight. Hunted cases "
    "are drawn to find bugs: they are counted, and nothing is estimated from them. Intervals hold with 95%; their "
    "unit is the case."
)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _rate(campaign: Campaign) -> str:
    if campaign.seconds <= 0:
        return "-"
    cases = sum(campaign.cases(stream) for stream in STREAMS)
    return f"{cases / campaign.seconds:,.0f} cases/s, {campaign.steps / campaign.seconds:,.0f} steps/s"


def _ended(campaign: Campaign) -> str:
    asked = []
    if campaign.budget_cases is not None:
        asked.append(f"--cases {campaign.budget_cases}")
    if campaign.budget_seconds is not None:
        asked.append(f"--time {campaign.budget_seconds:g}")
    words = STOPPED.get(campaign.stopped_by, campaign.stopped_by)
    return words + (f" ({', '.join(asked)})" if asked else "")
