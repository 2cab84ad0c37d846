"""Violations as sections: by invariant, by signature, and how the hunting stream came upon new ones."""

from __future__ import annotations

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, STREAMS, Signature
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.discovery import Discovery, discovery
from percpu_fuzz.reports.figures.estimates import InvariantEstimate
from percpu_fuzz.reports.invariants import WORDS
from percpu_fuzz.reports.numbers import number, plural, upper_percent
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, curves_picture
from percpu_fuzz.reports.sections.failed_words import failed_file, failed_heading, failed_words
from percpu_fuzz.reports.sections.run_words import rule_words
from percpu_fuzz.reports.sections.text_violations import RATE_WORDS, UNKNOWN_WORDS, estimate_words, reading_words

SIGNATURES_LISTED = 40
RISK_WORDS = (
    "The curve counts distinct signatures (invariant, step, hazards passed) over the cases of the hunting stream. The "
    "risk is the expected number of new ones in one more case: signatures seen in one case only, over cases (Good "
    "1953; interval: Esty 1983, approximate). The schedulers take turns, so it is that of their mixture; what none of "
    "them can reach is not in it."
)


def violations_section(campaign: Campaign, rows: list[InvariantEstimate]) -> Section:
    """A row an invariant that applies, the broken ones first; then those that do not apply."""
    unknown = campaign.unknown(MEASUREMENT)
    words = [RATE_WORDS if not unknown else UNKNOWN_WORDS]
    if unknown:
        words.append(
            f"{plural(unknown, 'case')} of unknown batches are left out; the second rate counts them as violating."
        )
    parts = [f"{number(campaign.ended_early(s))} of {number(campaign.cases(s))} {s} cases" for s in STREAMS]
    words.append(f"Ended early by a violation that would crash or clamp the kernel: {', '.join(parts)}.")
    asked = [row for row in rows if row.applicable is not False or row.cases]
    broken, clean = [row for row in asked if row.cases], [row for row in asked if not row.cases]
    head = ("violated", "says", "measured", "by weight", "hunted", "first case")
    caption = f"95% intervals, 'at most': one-sided; n = cases; {rule_words(campaign)}"
    tables = []
    if broken:
        tables.append(Table(head, tuple(invariant_cells(campaign, row) for row in broken), 2, caption, 1))
    if clean:
        _, _, measured, weighted, hunted, _ = invariant_cells(campaign, clean[0])
        words.append(f"Not violated, each of those below: measured {measured}; by weight {weighted}; hunted {hunted}.")
        cells = tuple((row.name, WORDS[row.name]) for row in clean)
        tables.append(Table(("not violated", "says"), cells, 2, "" if broken else caption, 1))
    if campaign.failed:
        words.append(failed_heading(campaign))
        lost = tuple((*failed_words(row), failed_file(row)) for row in campaign.failed)
        tables.append(Table(("batch", "what each try said", "file"), lost, 3, prose=1))
    inapplicable = [row for row in rows if row.applicable is False and not row.cases]
    if inapplicable:
        cells = tuple((row.name, WORDS[row.name]) for row in inapplicable)
        tables.append(Table(("not applicable", "says"), cells, 2, prose=1))
    return Section(
        "violations", "Violations, by cases", tuple(words), tables=tuple(tables), parts=signature_parts(campaign)
    )


def invariant_cells(campaign: Campaign, row: InvariantEstimate) -> tuple[str, ...]:
    """One invariant's cells."""
    measured = reading_words(row.left_out)
    if row.as_violating is not None:
        measured += f"; {reading_words(row.as_violating)}"
    weighted = "-"
    if row.weighted is not None:
        weighted = f"{estimate_words(row.weighted.rate, row.weighted.interval)}"
    elif row.weighted_bound is not None:
        weighted = f"at most {upper_percent(row.weighted_bound)}"
    first = "-" if row.first is None else f"case {row.first[1].case} of {row.first[0]} batch {row.first[1].k}"
    hunted = f"{number(row.hunted)} of {number(campaign.cases(HUNTING))}"
    return (row.name, WORDS[row.name], measured, weighted, hunted, first)


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
    head = ("invariant", "step", "hazards passed before", "measured", "hunted")
    title = f"Signatures: the {len(shown)} most frequent of {number(len(counted))}"
    return (Section("signatures", title, tables=(Table(head, rows, 3),), folded=True),)


def discovery_section(campaign: Campaign) -> Section:
    """The curve with the risk at its end."""
    found = discovery(campaign)
    words = [RISK_WORDS, risk_words(found)]
    if not found.points:
        return Section("discovery", "Discovery", tuple(words))
    steps = [(0, 0), *found.points, (found.cases, found.distinct)]
    curve = Curve("s1", tuple((float(cases), float(kinds), float(kinds), float(kinds)) for cases, kinds in steps))
    picture = curves_picture("Distinct signatures over hunted cases", [curve], ("hunted cases", "distinct signatures"))
    caption = f"n = {plural(found.cases, 'hunted case')}; a count, no estimate; {rule_words(campaign)}."
    return Section("discovery", "Discovery", tuple(words), (Figure("New signatures", picture, caption),))


def risk_words(found: Discovery) -> str:
    """The risk at the end of the run, in one sentence."""
    if found.risk is None:
        return "No case was hunted."
    kinds = f"{plural(found.distinct, 'signature')} in {plural(found.cases, 'case')}"
    if found.once == 0:
        return f"{kinds}; none was seen in one case only: the estimated risk is 0, and its spread is not known."
    once = f"{number(found.once)} of them in one case only"
    ends = f"[{found.interval.low:.2g}, {found.interval.high:.2g}]"
    return f"{kinds}, {once}: {found.risk:.2g} new ones are expected in one more case {ends}."
