"""Violations in the text report: by invariant, with rate, first case and replay line; then by signature."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import InvariantEstimate, Reading
from percpu_fuzz.reports.invariants import WORDS
from percpu_fuzz.reports.numbers import (
    command,
    decimals_within,
    entry,
    heading,
    lower_percent,
    number,
    paragraph,
    percent,
    table,
    upper_percent,
)
from percpu_fuzz.reports.sections.failed_words import failed_file, failed_heading, failed_words
from percpu_fuzz.reports.statistics.intervals import Interval

SIGNATURES_LISTED = 10
UNKNOWN_WORDS = "No rate by the families' weights: the family of an unknown batch is not recorded."
RATE_WORDS = (
    "'measured': k of n, and the rate among cases in the numbers in which the families were run. 'by weight': the rate "
    "with each family at its weight; its interval joins exact ones of each family and is wide while one has few cases."
)


def violations_section(campaign: Campaign, rows: Sequence[InvariantEstimate]) -> list[str]:
    """Broken invariants one by one, clean ones together with their bound, then those that do not apply."""
    lines = heading("Violations, by cases")
    if len(campaign.weights) > 1:
        lines += paragraph(RATE_WORDS if not campaign.unknown(MEASUREMENT) else UNKNOWN_WORDS)
    for row in rows:
        if row.cases:
            lines += broken(campaign, row)
    lines += failed(campaign)
    lines += ended(campaign)
    lines += clean(campaign, [row for row in rows if not row.cases and row.applicable is not False])
    inapplicable = [row for row in rows if row.applicable is False and not row.cases]
    if inapplicable:
        lines += ["", f"Not applicable to {campaign.variant}:"]
        for row in inapplicable:
            lines += entry(row.name, WORDS[row.name])
    return lines


def broken(campaign: Campaign, row: InvariantEstimate) -> list[str]:
    """One violated invariant."""
    lines = ["", *paragraph(f"{row.name}: {WORDS[row.name]}")]
    lines += entry("measured", reading_words(row.left_out))
    if row.as_violating is not None:
        lines += entry("", f"{reading_words(row.as_violating)}, if every case of unknown batches violates it")
    if row.weighted is not None and len(campaign.weights) > 1:
        lines += entry("by weight", f"{estimate_words(row.weighted.rate, row.weighted.interval)} of cases")
    lines += entry("hunted", f"{number(row.hunted)} of {number(campaign.cases(HUNTING))} cases (no estimate)")
    if row.first is not None:
        stream, seen = row.first
        lines += entry("first", f"case {seen.case} of {stream} batch {seen.k}")
    if row.finding is None:
        return [*lines, *entry("replay", "no finding was written")]
    lines += entry("replay", f"case {row.finding['case']} of {row.finding['stream']} batch {row.finding['k']}, with")
    return [*lines, *command(replay_line(campaign, str(row.finding["file"])), "    ")]


def replay_line(campaign: Campaign, finding: str) -> str:
    """The command that replays a finding, quoted for a shell."""
    return shlex.join(["percpu-fuzz", "replay", f"{campaign.out}/{finding}", "--variant", campaign.variant])


def reading_words(reading: Reading) -> str:
    """k of n with what it says of the rate."""
    words = f"{number(reading.k)} of {number(reading.n)} cases"
    if reading.n == 0:
        return f"{words}: no estimate"
    if reading.bound is not None:
        return f"{words}: at most {upper_percent(reading.bound)}"
    return f"{words}: {estimate_words(reading.k / reading.n, reading.interval)}"


def estimate_words(rate: float | None, interval: Interval) -> str:
    """A rate [low, high] in percent, to two digits of the interval's width; ends rounded outwards, '-' for open."""
    low, high = interval.low, interval.high
    decimals = decimals_within(low, high)
    return f"{percent(rate, decimals)} [{lower_percent(low, decimals)}, {upper_percent(high, decimals)}]"


def clean(campaign: Campaign, rows: Sequence[InvariantEstimate]) -> list[str]:
    """Invariants without a violation share one bound: 0 of the same n."""
    if not rows:
        return []
    one = rows[0]
    lines = ["", "Not violated:"]
    lines += entry("measured", f"{reading_words(one.left_out)} (one-sided), each of the following")
    if one.as_violating is not None:
        lines += entry("", f"{reading_words(one.as_violating)}, if every case of unknown batches violates it")
    if one.weighted_bound is not None and len(campaign.weights) > 1:
        bound = upper_percent(one.weighted_bound)
        lines += entry("by weight", f"at most {bound} of cases: families with few cases leave much of it open")
    lines += entry("hunted", f"0 of {number(campaign.cases(HUNTING))} cases (no estimate)")
    for row in rows:
        lines += entry(row.name, WORDS[row.name])
    return lines


def failed(campaign: Campaign) -> list[str]:
    """Batches that could not be run."""
    if not campaign.failed:
        return []
    lines = ["", *paragraph(failed_heading(campaign))]
    for row in campaign.failed:
        batch, said = failed_words(row)
        lines += paragraph(f"{batch}: {said} ({failed_file(row)})", "  ")
    return lines


def ended(campaign: Campaign) -> list[str]:
    """How many cases a violation cut short."""
    parts = [f"{number(campaign.ended_early(s))} of {number(campaign.cases(s))} {s} cases" for s in STREAMS]
    return ["", *paragraph(f"Ended early by a violation that would crash or clamp the kernel: {', '.join(parts)}.")]


def signatures_section(campaign: Campaign) -> list[str]:
    """The most frequent kinds of violation: invariant, step and hazards passed."""
    counted: dict[Signature, list[int]] = {}
    for i, stream in enumerate((MEASUREMENT, HUNTING)):
        for signature, seen in campaign.signatures[stream].items():
            counted.setdefault(signature, [0, 0])[i] += seen.cases
    if not counted:
        return []
    order = sorted(counted, key=lambda s: (-sum(counted[s]), s))
    shown = order[:SIGNATURES_LISTED]
    lines = heading(f"Signatures: the {len(shown)} most frequent of {number(len(order))}")
    rows = [["", "step", "measured", "hunted", "hazards passed before"]]
    for signature in shown:
        measured, hunted = counted[signature]
        passed = " ".join(f"H{h}" for h in signature.hazards) or "none"
        rows.append([signature.invariant, signature.label, number(measured), number(hunted), passed])
    head = table([row[:4] for row in rows], left=2)
    room = max(map(len, head)) + 2
    for line, row in zip(head, rows, strict=True):
        words = paragraph(row[4], " " * room)
        lines += [line.ljust(room) + words[0].strip(), *words[1:]]
    return lines
