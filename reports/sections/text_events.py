"""What else happened in the text report: probes, odd endings, allocations; and which hazards were passed."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.hazards import WORDS
from percpu_fuzz.reports.numbers import heading, number, paragraph, plain, table

PROBES = (
    ("charged", "charged: these make the distributions"),
    ("charge_failed", "charge refused by the limit"),
    ("first_chunk", "landed in the first chunk, refunded"),
    ("alloc_failed", "charged, but the allocation failed; refunded"),
    ("uncharged", "not to be charged (root or unaccounted)"),
    ("alloc_failed_uncharged", "not to be charged, and failed"),
    ("none", "not reached"),
)
EVENTS = (
    ("alloc", "allocations"),
    ("free", "frees"),
    ("charged", "allocations charged"),
    ("refunded", "failed after the charge, refunded"),
    ("charge_failed", "charges refused"),
    ("stuck", "cases stuck: no task could step"),
    ("overlong", "cases cut for their length"),
)


FAULT = "fault."  # a count of that prefix is one of injected failures of a kind


def faults(campaign: Campaign) -> list[tuple[str, str]]:
    """(count's name, words) of every kind of injected failure that was counted."""
    sums = [found for stream in STREAMS for found in campaign.families(stream)]
    names = sorted({name for found in sums for name in found.counts if name.startswith(FAULT)})
    return [(name, f"injected: {plain(name.removeprefix(FAULT))}") for name in names]


def events_section(campaign: Campaign) -> list[str]:
    """Counts by stream."""
    rows = [["", *STREAMS], ["cases", *_cells([campaign.cases(s) for s in STREAMS])]]
    for name, words in EVENTS:
        rows.append([words, *_cells([campaign.count(s, name) for s in STREAMS])])
    for name, words in faults(campaign):
        rows.append([words, *_cells([campaign.count(s, name) for s in STREAMS])])
    rows.append(["cases ended early by a violation", *_cells([campaign.ended_early(s) for s in STREAMS])])
    rows.append(["cases of unknown batches", *_cells([campaign.unknown(s) for s in STREAMS])])
    rows.append(["probe allocations, one a case:", *[""] * len(STREAMS)])
    for name, words in PROBES:
        rows.append([f"  {words}", *_cells([campaign.count(s, f"probe.{name}") for s in STREAMS])])
    return [*heading("What happened"), *table(rows)]


def _cells(counts: list[int]) -> list[str]:
    return [number(count) for count in counts]


def hazards_section(campaign: Campaign) -> list[str]:
    """How often each hazard was passed, and those that never were."""
    rows = [["", *STREAMS, ""]]
    never = []
    for name, words in WORDS.items():
        counts = [campaign.count(s, f"hazard.{name}") for s in STREAMS]
        if not any(counts):
            never.append(name)
        rows.append([name, *_cells(counts), words])
    head = table([row[:3] for row in rows])
    room = max(map(len, head)) + 2
    lines = heading("Hazards, times passed")
    for line, row in zip(head, rows, strict=True):
        words_lines = paragraph(row[3], " " * room) or [""]
        lines += [(line.ljust(room) + words_lines[0].strip()).rstrip(), *words_lines[1:]]
    verdict = f"Never passed: {', '.join(never)}. Nothing is known of what they would do." if never else "All passed."
    return [*lines, "", *paragraph(verdict)]
