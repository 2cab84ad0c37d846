"""The run itself as sections: how it was run and ended, what happened, which hazards were passed, the certificate."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import shares
from percpu_fuzz.reports.hazards import WORDS
from percpu_fuzz.reports.numbers import number, plural, weight
from percpu_fuzz.reports.render.page import Section, Table
from percpu_fuzz.reports.sections.certificate_words import certificate_words
from percpu_fuzz.reports.sections.run_words import LISTED, STREAM_WORDS, ended_words, option_words, rate_words
from percpu_fuzz.reports.sections.text_events import EVENTS, PROBES, faults


def run_section(campaign: Campaign) -> Section:
    """Options, numbers, ending, digest."""
    rows = [(name, option_words(value)) for name, value in campaign.describe.items() if name not in LISTED]
    measured, hunted = campaign.cases(MEASUREMENT), campaign.cases(HUNTING)
    rows += [
        ("families", ", ".join(f"{name} {weight(share)}" for name, share in shares(campaign).items())),
        ("code", str(campaign.describe.get("code", "not recorded"))),
        ("cases", f"{number(measured + hunted)}: {number(measured)} measured, {number(hunted)} hunted"),
        ("steps", number(campaign.steps)),
        ("seconds", f"{campaign.seconds:.1f} on {plural(campaign.workers, 'worker')}"),
        ("compilation", f"{campaign.compile_seconds:.1f} s before that, not counted"),
        ("rate", rate_words(campaign)),
        ("ended by", ended_words(campaign)),
        ("digest", campaign.digest),
    ]
    parts = (events_part(campaign), hazards_part(campaign))
    table = Table(("", ""), tuple(rows), 2, prose=1)
    return Section("run", "Run", (STREAM_WORDS,), tables=(table,), command=campaign.command, parts=parts)


def events_part(campaign: Campaign) -> Section:
    """Counts by stream."""
    rows = [("cases", *_cells([campaign.cases(s) for s in STREAMS]))]
    rows += [(words, *_cells([campaign.count(s, name) for s in STREAMS])) for name, words in EVENTS]
    rows.append(("cases ended early by a violation", *_cells([campaign.ended_early(s) for s in STREAMS])))
    rows.append(("cases of unknown batches", *_cells([campaign.unknown(s) for s in STREAMS])))
    rows += [(words, *_cells([campaign.count(s, name) for s in STREAMS])) for name, words in faults(campaign)]
    for name, words in PROBES:
        rows.append((f"probe {words}", *_cells([campaign.count(s, f"probe.{name}") for s in STREAMS])))
    return Section("events", "What happened", tables=(Table(("", *STREAMS), tuple(rows)),), folded=True)


def hazards_part(campaign: Campaign) -> Section:
    """How often each hazard was passed."""
    rows, never = [], []
    for name, words in WORDS.items():
        counts = [campaign.count(s, f"hazard.{name}") for s in STREAMS]
        rows.append((name, words, *_cells(counts)))
        if not any(counts):
            never.append(name)
    verdict = f"Never passed: {', '.join(never)}. Nothing is known of what they would do." if never else "All passed."
    table = Table(("", "hazard", *STREAMS), tuple(rows), 2, prose=1)
    return Section("hazards", "Hazards, times passed", (verdict,), tables=(table,), folded=True)


def certificate_sections(campaign: Campaign) -> list[Section]:
    """What the campaign bounds, in one paragraph, each statement with its theorem; nothing where nothing was stored."""
    words = certificate_words(campaign)
    return [Section("certificate", "Certificate", (" ".join(words),))] if words else []


def _cells(counts: list[int]) -> list[str]:
    return [number(count) for count in counts]
