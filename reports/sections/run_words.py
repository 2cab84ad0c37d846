"""How a campaign was run and how it ended, in the words that every report uses."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import InvariantEstimate
from percpu_fuzz.reports.numbers import plural

STOPPED = {
    "cases": "the number of cases asked for was reached",
    "time": "the time budget ended; the number of cases was not fixed beforehand, and the intervals take it as given",
    "interrupt": "interrupted; what follows is what was finished until then",
    "merge": "several campaigns were merged",
    "disk": "nothing more could be written; what follows is what had been stored until then",
    "criterion": "the stop criterion was met; its interval holds at every look, and it was looked at after each batch",
}
RULES = {
    "cases": "a fixed number of cases",
    "time": "the time budget",
    "interrupt": "Ctrl-C",
    "criterion": "--stop",
    "disk": "a full disk",
    "merge": "merging",
}
LISTED = (
    "variant",
    "seed",
    "families",
    "machines",
    "nodes",
    "cpus",
    "code",
    "pct_caps",
    "explored",
)  # options that are printed with words of their own
STREAM_WORDS = (
    "Every estimate comes from the measured cases: independent draws within each family; the families take turns in a "
    "fixed order, and estimates weigh each by its weight, not by its number of cases. Hunted cases are drawn to find "
    "bugs: they are counted, and nothing is estimated from them. Intervals hold with 95%; their unit is the case."
)


def ended_words(campaign: Campaign) -> str:
    """What ended the run, with the budget that was asked for."""
    words = STOPPED.get(campaign.stopped_by, campaign.stopped_by)
    asked = asked_for(campaign)
    return words + (f" ({asked})" if asked else "")


def rule_words(campaign: Campaign) -> str:
    """The stopping rule in a few words, to stand at a figure: of a criterion what was asked, not what it came to."""
    asked = asked_for(campaign, ended=False)
    return f"stopped by {RULES.get(campaign.stopped_by, campaign.stopped_by)}" + (f" ({asked})" if asked else "")


def asked_for(campaign: Campaign, *, ended: bool = True) -> str:
    """The budget; of a criterion, "EXPR: the interval that it ended with", the latter if wanted."""
    asked = []
    if campaign.budget_cases is not None:
        asked.append(f"--cases {campaign.budget_cases}")
    if campaign.budget_seconds is not None:
        asked.append(f"--time {campaign.budget_seconds:g}")
    if campaign.stop is not None:
        asked.append(f"--stop {campaign.stop if ended else campaign.stop.partition(': ')[0]}")
    return ", ".join(asked)


def rate_words(campaign: Campaign) -> str:
    """Cases and steps a second."""
    if campaign.seconds <= 0:
        return "-"
    cases = sum(campaign.cases(stream) for stream in STREAMS)
    return f"{cases / campaign.seconds:,.0f} cases/s, {campaign.steps / campaign.seconds:,.0f} steps/s"


def verdict_words(campaign: Campaign, invariants: list[InvariantEstimate]) -> str:
    """What was violated, or what no violation does and does not say."""
    broken = [row.name for row in invariants if row.cases]
    number_of_cases = sum(campaign.cases(stream) for stream in STREAMS)
    if not number_of_cases:
        return "No case was finished: nothing is known."
    cases = plural(number_of_cases, "case")
    if campaign.failed:
        lost = f"{len(campaign.failed)} {'batch' if len(campaign.failed) == 1 else 'batches'} could not be run"
        return f"Violated: {', '.join(broken) or 'nothing'}, in {cases}; {lost}."
    if not broken:
        words = f"No invariant that applies was violated in {cases}."
        return f"{words} That bounds how often one is; it proves none."
    return f"Violated: {', '.join(broken)}, in {cases}."


def option_words(value: object) -> str:
    """An option's value as words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)
