"""The run itself as sections: how it was run and ended, what happened, which hazards were passed."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.invariants import HAZARD_WORDS
from percpu_fuzz.reports.numbers import number, plain, plural, share_words
from percpu_fuzz.reports.render.page import Section, Table
from percpu_fuzz.reports.sections.run_words import (
    LISTED,
    STREAM_WORDS,
    ended_words,
    option_words,
    own_rows,
    speed_words,
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
PROBES = (
    ("charged", "charged: these make the distributions"),
    ("charge_failed", "charge refused by the limit"),
    ("first_chunk", "landed in the first chunk, refunded"),
    ("alloc_failed", "charged, but the allocation failed; refunded"),
    ("uncharged", "not to be charged (root or unaccounted)"),
    ("alloc_failed_uncharged", "not to be charged, and failed"),
    ("none", "not reached"),
)
FAULT = "fault."  # a count of that prefix is one of injected failures of a kind

REACHED_WORDS = (
    "A mistake in a line that no case reaches is seen by nobody. In a sample of {cases} in plain mode, drawn as this "
    "campaign draws, {reached} of {places} were reached: each step, and both sides of each condition of the modelled "
    "kernel."
)
REPEAT_WORDS = (
    "The line below gives the same cases, figures and digest. How far findings are shrunk, and so their files, also "
    "depends on the time that a run has left for it."
)
OTHER_WORDS = "Never reached, and for no reason that is known: {count}. Of another variant these may be its own way."


def run_section(figures: Figures) -> Section:
    """Options, numbers, ending, digest."""
    campaign = figures.campaign
    rows = [(name, option_words(value)) for name, value in campaign.describe.items() if name not in LISTED]
    measured, hunted = campaign.cases(MEASUREMENT), campaign.cases(HUNTING)
    rows += own_rows(campaign.describe)
    rows += [
        ("families", ", ".join(f"{family.name} {share_words(family.share)}" for family in figures.families)),
        ("code", str(campaign.describe.get("code", "not recorded"))),
        ("cases", f"{number(measured + hunted)}: {number(measured)} measured, {number(hunted)} hunted"),
        ("steps", number(campaign.steps)),
        ("seconds", f"{campaign.seconds:.1f} on {plural(campaign.workers, 'worker')}"),
        ("compilation", f"{campaign.compile_seconds:.1f} s before that, not counted"),
        ("rate", speed_words(campaign)),
        ("ended by", ended_words(campaign)),
        ("digest", campaign.digest),
    ]
    table = Table(("", ""), tuple(rows), 2, prose=1)
    return Section("run", "Run", (STREAM_WORDS,), tables=(table,), notes=(REPEAT_WORDS,), command=campaign.command)


def events_part(campaign: Campaign) -> Section:
    """Counts by stream."""
    found = [sums for stream in STREAMS for sums in campaign.families(stream)]
    faults = sorted({name for sums in found for name in sums.counts if name.startswith(FAULT)})
    counted = [*EVENTS, *((name, f"injected: {plain(name.removeprefix(FAULT))}") for name in faults)]
    rows = [
        ("cases", *_cells([campaign.cases(s) for s in STREAMS])),
        *((words, *_counts(campaign, name)) for name, words in counted),
        ("cases ended early by a violation", *_cells([campaign.ended_early(s) for s in STREAMS])),
        ("cases of unknown batches", *_cells([campaign.unknown(s) for s in STREAMS])),
        *((f"probe {words}", *_counts(campaign, f"probe.{name}")) for name, words in PROBES),
    ]
    return Section("events", "What happened", tables=(Table(("", *STREAMS), tuple(rows)),), folded=True)


def hazards_part(campaign: Campaign) -> Section:
    """How often each hazard was passed."""
    rows = [(name, words, *_counts(campaign, f"hazard.{name}")) for name, words in HAZARD_WORDS.items()]
    never = [name for name in HAZARD_WORDS if not any(campaign.count(s, f"hazard.{name}") for s in STREAMS)]
    verdict = f"Never passed: {', '.join(never)}. Nothing is known of what they would do." if never else "All passed."
    table = Table(("", "hazard", *STREAMS), tuple(rows), 2, prose=1)
    return Section("hazards", "Hazards, times passed", (verdict,), tables=(table,), folded=True)


def _counts(campaign: Campaign, name: str) -> list[str]:
    return _cells([campaign.count(stream, name) for stream in STREAMS])


def _cells(counts: list[int]) -> list[str]:
    return [number(count) for count in counts]


def reached_section(figures: Figures) -> Section:
    """Counts by reason, a line for each place that has none; without words, so left out, where nothing was sampled."""
    rows = figures.campaign.unreached
    if not rows:
        return Section("reached", "What is never reached")
    row = rows[0]
    excused, never = dict(row["excused"]), list(row["never"])
    reached = int(row["places"]) - sum(excused.values()) - len(never)
    words = (
        REACHED_WORDS.format(cases=plural(row["cases"], "case"), reached=number(reached), places=number(row["places"])),
        OTHER_WORDS.format(count=number(len(never))),
    )
    lines = sorted(((number(count), reason) for reason, count in excused.items()), key=lambda line: line[1])
    table = Table(("places", "never reached, because"), tuple(lines), prose=1)
    return Section("reached", "What is never reached", words, tables=(table,), lines=tuple(never))
