"""Violations as sections: by invariant, by signature, and how the hunting stream came upon new ones."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.discovery import Discovery
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.rates import InvariantEstimate
from percpu_fuzz.reports.invariants import words_of
from percpu_fuzz.reports.numbers import duration, number, plural, upper_percent
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, curves_picture
from percpu_fuzz.reports.sections.rate_words import rate_cell, reading_words
from percpu_fuzz.reports.sections.run_words import failed_file, failed_heading, failed_words, rule_words

SIGNATURES_LISTED, SIGNATURES_IN_TEXT = 40, 10
UNKNOWN_WORDS = "No rate by the families' weights: the family of an unknown batch is not recorded."
RATE_WORDS = (
    "'measured': k of n, and the rate among cases in the numbers in which the families were run. 'by weight': the rate "
    "with each family at its weight; its interval joins exact ones of each family and is wide while one has few cases."
)
RISK_WORDS = (
    "The curve counts distinct signatures (invariant, step, hazards passed) over the cases of the hunting stream. The "
    "risk is the expected number of new ones in one more case: signatures seen in one case only, over cases (Good "
    "1953; interval: Esty 1983, approximate). The schedulers take turns, so it is that of their mixture; what none of "
    "them can reach is not in it."
)

UNTIL_FIXED_WORDS = (
    "Nothing was violated. If a bug showed once in so many measured cases, as many clean ones as stand here would have "
    "shown it with 95%; time is at this campaign's rate. A patch may be called fixed for bugs that are at least as "
    "frequent as the last row that is reached, in the machines and programs that are drawn here."
)


def violations_section(figures: Figures) -> Section:
    """A row an invariant that applies, the broken ones first; then those that do not apply."""
    campaign, rows = figures.campaign, figures.invariants
    tables = [
        broken_table(figures, [row for row in rows if row.cases]), failed_table(campaign),
        clean_table(figures, [row for row in rows if not row.cases and row.applicable is not False]),
        said_table(f"Not applicable to {campaign.variant}.", figures, [
            row for row in rows if row.applicable is False and not row.cases
        ]),
    ]  # fmt: skip
    return Section(
        "violations", "Violations, by cases", tuple(reading_notes(campaign)),
        tables=tuple(table for table in tables if table.rows),
    )  # fmt: skip


def reading_notes(campaign: Campaign) -> list[str]:
    """What the rates are of, and how many cases a violation cut short."""
    words, unknown = [], campaign.unknown(MEASUREMENT)
    if unknown:
        lost = plural(unknown, "case")
        words += [UNKNOWN_WORDS, f"{lost} of unknown batches are left out; the second rate counts them as violating."]
    elif len(campaign.weights) > 1:
        words.append(RATE_WORDS)
    parts = [f"{number(campaign.ended_early(s))} of {number(campaign.cases(s))} {s} cases" for s in STREAMS]
    return [*words, f"Ended early by a violation that would crash or clamp the kernel: {', '.join(parts)}."]


def until_fixed_section(figures: Figures) -> Section:
    """A row a rate; no words where something was violated or nothing measured."""
    campaign = figures.campaign
    if any(row.cases for row in figures.invariants) or not campaign.cases(MEASUREMENT):
        return Section("fixed", "")
    rows = tuple(
        (f"1 in {number(row.one_in)}", number(row.cases), duration(row.seconds), "reached" if row.reached else "-")
        for row in figures.until_fixed
    )
    had = plural(campaign.cases(MEASUREMENT), "measured case")
    table = Table(("a bug of", "clean cases", "time", f"with {had}"), rows)
    return Section("fixed", 'How long until it is safe to say "fixed"', (UNTIL_FIXED_WORDS,), tables=(table,))


def broken_table(figures: Figures, rows: list[InvariantEstimate]) -> Table:
    """Invariants that were violated: rates, the first case, and the file that shows it."""
    head = ("violated", "says", "measured", "by weight", "hunted, no estimate", "first case", "finding")
    cells = []
    for row in rows:
        first = "-" if row.first is None else f"case {row.first.case} of {row.first.stream} batch {row.first.k}"
        shown = row.finding or "no finding was written"
        cells.append(
            (row.invariant, words_of(row.invariant, figures.campaign.describe), *rate_cells(figures, row), first, shown)
        )
    caption = f"95% intervals; n = cases; {rule_words(figures.campaign)}."
    return Table(head, tuple(cells), 2, caption, 1)


def clean_table(figures: Figures, rows: list[InvariantEstimate]) -> Table:
    """Invariants without a violation, which share one bound: 0 of the same n."""
    if not rows:
        return said_table("", figures, rows)
    measured, weighted, hunted = rate_cells(figures, rows[0])
    open_ = f"; by weight {weighted}, of which families with few cases leave much open" if weighted else ""
    words = f"Not violated, each of these: measured {measured}{open_}; hunted {hunted}. Bounds: 95%, one-sided."
    return said_table(words, figures, rows)


def said_table(caption: str, figures: Figures, rows: list[InvariantEstimate]) -> Table:
    """Invariants and what they say."""
    said = tuple((row.invariant, words_of(row.invariant, figures.campaign.describe)) for row in rows)
    return Table(("", ""), said, 2, caption, 1)


def failed_table(campaign: Campaign) -> Table:
    """Batches that could not be run."""
    lost = tuple((*failed_words(row), failed_file(row)) for row in campaign.failed)
    return Table(("batch", "what each try said", "file"), lost, 3, failed_heading(campaign), 1)


def rate_cells(figures: Figures, row: InvariantEstimate) -> tuple[str, str, str]:
    """Measured, by weight (nothing where that is not known, or of one family, whose weight is all) and hunted."""
    campaign, measured = figures.campaign, reading_words(row.measurement)
    if row.measurement_unknown_as_violating is not None:
        measured += f"; {reading_words(row.measurement_unknown_as_violating)}"
    weighted = ""
    if len(campaign.weights) > 1 and row.weighted is not None:
        weighted = rate_cell(row.weighted)
    elif len(campaign.weights) > 1 and row.weighted_upper_bound is not None:
        weighted = f"at most {upper_percent(row.weighted_upper_bound)}"
    return measured, weighted, f"{number(row.hunting_cases)} of {number(campaign.cases(HUNTING))} cases"


def signature_parts(campaign: Campaign) -> tuple[Section, ...]:
    """The most frequent signatures."""
    counted: dict[Signature, list[int]] = {}
    for i, stream in enumerate((MEASUREMENT, HUNTING)):
        for signature, seen in campaign.signatures[stream].items():
            counted.setdefault(signature, [0, 0])[i] += seen.cases
    if not counted:
        return ()
    shown = sorted(counted, key=lambda s: (-sum(counted[s]), s))[:SIGNATURES_LISTED]
    rows = tuple(
        (s.invariant, s.label, " ".join(f"H{h}" for h in s.hazards) or "none", *map(number, counted[s])) for s in shown
    )
    head = ("", "step", "hazards passed before", "measured", "hunted")
    table = Table(
        head, rows, 3, prose=2, rows_text_max=SIGNATURES_IN_TEXT, rows_left_out=len(counted) - len(shown)
    )  # fmt: skip
    title = f"{plural(len(counted), 'signature')}, the most frequent first"
    return (Section("signatures", title, tables=(table,), folded=True),)


def discovery_section(figures: Figures) -> Section:
    """The curve with the risk at its end."""
    found = figures.discovery
    words = (RISK_WORDS, risk_words(found))
    if not found.points:
        return Section("discovery", "Discovery", words)
    steps = [(0, 0), *found.points, (found.cases, found.distinct)]
    curve = Curve("s1", tuple((float(cases), float(kinds), float(kinds), float(kinds)) for cases, kinds in steps))
    picture = curves_picture("Distinct signatures over hunted cases", [curve], ("hunted cases", "distinct signatures"))
    caption = f"n = {plural(found.cases, 'hunted case')}; a count, no estimate; {rule_words(figures.campaign)}."
    return Section("discovery", "Discovery", words, (Figure("New signatures", picture, caption),))


def risk_words(found: Discovery) -> str:
    """The risk at the end of the run, in one sentence."""
    if found.risk is None:
        return "No case was hunted."
    kinds = f"{plural(found.distinct, 'signature')} in {plural(found.cases, 'case')}"
    if found.seen_once == 0:
        return f"{kinds}; none was seen in one case only: the estimated risk is 0, and its spread is not known."
    once = f"{number(found.seen_once)} of them in one case only"
    ends = f"[{found.risk_interval.low:.2g}, {found.risk_interval.high:.2g}]"
    return f"{kinds}, {once}: {found.risk:.2g} new ones are expected in one more case {ends}."
