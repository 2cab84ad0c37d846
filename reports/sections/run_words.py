"""How a campaign was run, how it ended and what could not be run, in the words that every report uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.identity import model_words
from percpu_fuzz.reports.numbers import plain, plural

ENDINGS = {
    "cases": ("a fixed number of cases", "the number of cases asked for was reached"),
    "time": (
        "the time budget",
        "the time budget ended; the number of cases was not fixed beforehand, and the intervals take it as given",
    ),
    "interrupt": ("Ctrl-C", "interrupted; what follows is what was finished until then"),
    "criterion": (
        "--stop",
        "the stop criterion was met; its interval holds at every look, and it was looked at after each batch",
    ),
    "disk": ("a full disk", "nothing more could be written; what follows is what had been stored until then"),
    "merge": ("merging", "several campaigns were merged"),
}  # the rule in a few words, and what it means
# Options that are printed with words of their own.
LISTED = ("variant", "seed", "families", "stands for", "machines", "nodes", "cpus", "code", "pct_caps", "explored",
          "choices", "judge", "own")  # fmt: skip
STREAM_WORDS = (
    "Every estimate comes from the measured cases: independent draws within each family, in numbers that a pilot or "
    "the weights decide. Estimates weigh each family by its weight, not by its number of cases, and leave the pilot "
    "out. Hunted cases are drawn to find bugs: they are counted, and nothing is estimated from them. Intervals hold "
    "with 95%; their unit is the case."
)


def identity_words(campaign: Campaign) -> tuple[str, ...]:
    """What a report is of: one string for the model, one for the tool's version, the day and the user's own files."""
    version = f"percpu-fuzz {campaign.version or 'of an unknown version'}"
    code = f"code {campaign.describe.get('code', 'not recorded')}"
    words = ", ".join(filter(None, (version, code, campaign.began)))
    own = "".join(f"; {text}: sha256 {digest[:16]}" for text, digest in campaign.own_files.items())
    return model_words(campaign.variant), f"{words}{own}."


def own_rows(describe: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A variant from a file: its name, the file's digest, how it differs from what it is based on, what it claims."""
    own = describe.get("own")
    if own is None:
        return []
    differs = ", ".join(f"{name} {value}" for name, value in own["differs"].items())
    steps = ", ".join(f"{label} {words}" for label, words in own["steps"].items())
    claims = [*own["claims"], *(f"{name}: {words}" for name, words in own["invariants"].items())]
    rows = [
        ("patch", f"{own['name']}: {own['summary']}"), ("its file", own["file"]),
        (f"differs from {own['based on']} in", differs or "no choice"), ("replaces", ", ".join(own["replaces"])),
        ("own steps", steps), ("claims", "; ".join(claims) or "nothing beyond the common invariants"),
    ]  # fmt: skip
    return [(name, plain(words)) for name, words in rows if words]


def ended_words(campaign: Campaign) -> str:
    """What ended the run, with the budget that was asked for."""
    _, words = ending(campaign)
    asked = asked_for(campaign)
    return words + (f" ({asked})" if asked else "")


def rule_words(campaign: Campaign) -> str:
    """The stopping rule in a few words, to stand at a figure: of a criterion what was asked, not what it came to."""
    asked = asked_for(campaign, ended=False)
    return f"stopped by {ending(campaign)[0]}" + (f" ({asked})" if asked else "")


def ending(campaign: Campaign) -> tuple[str, str]:
    """The stopping rule, and what it means, in words."""
    return ENDINGS.get(campaign.stopped_by, (campaign.stopped_by, campaign.stopped_by))


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


def speed_words(campaign: Campaign) -> str:
    """Cases and steps a second."""
    if campaign.seconds <= 0:
        return "-"
    cases = sum(campaign.cases(stream) for stream in STREAMS)
    return f"{cases / campaign.seconds:,.0f} cases/s, {campaign.steps / campaign.seconds:,.0f} steps/s"


def verdict_words(figures: Figures) -> str:
    """What was violated, or what no violation does and does not say."""
    campaign = figures.campaign
    broken = [row.invariant for row in figures.invariants if row.cases]
    number_of_cases = sum(campaign.cases(stream) for stream in STREAMS)
    if not number_of_cases:
        return "No case was finished: nothing is known."
    cases = plural(number_of_cases, "case")
    if campaign.failed:
        words = f"broken: {', '.join(broken)}" if broken else "no invariant was violated"
        return f"{campaign.variant}: {words}, in {cases}; {failed_batches(campaign)} could not be run."
    if not broken:
        words = f"{campaign.variant}: nothing wrong was found; no invariant that applies was violated in {cases}."
        return f"{words} That bounds how often one is; it proves none."
    found = len(campaign.findings)
    named = f"{plural(found, 'finding')} in {cases}, which broke" if found else f"{cases} broke"
    return f"{campaign.variant} is wrong: {named} {', '.join(broken)}."


def option_words(value: object) -> str:
    """An option's value as words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def failed_heading(campaign: Campaign) -> str:
    """How many there are, and what that means for the rates."""
    cases = sum(int(row["cases"]) for row in campaign.failed)
    return f"{failed_batches(campaign)} could not be run; of their {plural(cases, 'case')} nothing is known:"


def failed_batches(campaign: Campaign) -> str:
    """1 batch, 2 batches."""
    return f"{len(campaign.failed)} batch{'es' * (len(campaign.failed) > 1)}"


def failed_words(row: Mapping[str, Any]) -> tuple[str, str]:
    """(which batch, what each try said)."""
    tries = [str(what) for what in row["tries"]]
    said = f"{len(tries)} times: {tries[0]}" if len(set(tries)) == 1 else "; ".join(tries)
    at = "" if row["case"] is None else f", at case {row['case']}"
    return f"{row['stream']} batch {row['k']}{at}", said


def failed_file(row: Mapping[str, Any]) -> str:
    """Its file, relative to the output folder."""
    return f"findings/batch-{row['stream']}-{row['k']}.json"
