"""`percpu-fuzz compare` as plain ASCII text of at most 78 columns."""

from __future__ import annotations

from reports.campaign import Campaign
from reports.compare import Comparison, Difference, compare
from reports.layout import decimal, figure, heading, number, paragraph, percent, table, title
from reports.paired import paired
from reports.statistics import LEVEL

ALPHA = 1 - LEVEL
UNITS = {
    "waste_pages": "pages wasted",
    "share_percent": "% of precharge",
    "rounding_bytes16": "rounding, pages/16",
    "misplaced_bytes": "bytes amiss",
    "in_flight_pages": "pages in flight",
}
MEAN_WORDS = (
    "Means by weight; B - A with a normal interval, '-' while a family has fewer than 30 cases or a few cases decide "
    "it. A12: the chance that a case of B lies above one of A of the same family (0.5: neither). p: Mann-Whitney's "
    "test by family."
)
RATE_WORDS = (
    "Each family's rate by its weight; the interval of B - A joins exact ones of each family and campaign, so it is "
    "wide. p: events of each family given their number (Cochran, Mantel and Haenszel), exact while they are few. "
    "'fails, h left': of the probes that fit into h pages by what they use, those that do not by their precharge."
)
HOLM_WORDS = (
    "Holm: p corrected for all figures of this comparison; * flags those at most 0.05. Where both campaigns follow one "
    "law, at most 5% of comparisons flag any figure; p as it stands would flag some figure far oftener."
)
PAIRED_WORDS = (
    "Both campaigns drew the same machines and programs, so the difference is taken within batches; a case whose probe "
    "was not charged wastes 0. Student's interval over batches, families by weight; '-' while a family has fewer than "
    "10 batches."
)
FIXED_WORDS = (
    "What A violated and B did not. A bug that B still had at A's rate would have stayed unseen in so many clean cases "
    "with at most 5%; in brackets: for the lower end of that rate's interval."
)


def compare_text(a: Campaign, b: Campaign) -> str:
    """The whole comparison, ending in a newline."""
    found = compare(a, b)
    lines = [*title(f"percpu-fuzz compare: A {a.variant}, seed {a.seed}; B {b.variant}, seed {b.seed}")]
    lines += paragraph(verdict(found))
    lines += ["", *paragraph(f"A: {a.out}"), *paragraph(f"B: {b.out}")]
    lines += paragraph(f"Measured cases compared: {number(found.cases[0])} and {number(found.cases[1])}.")
    if found.left_out:
        lines += paragraph(f"Left out, since one of them only ran it: {', '.join(found.left_out)}.")
    means = [row for row in found.differences if row.kind == "mean"]
    rates = [row for row in found.differences if row.kind != "mean"]
    if means:
        lines += [*heading("Quantities"), *paragraph(MEAN_WORDS), "", *table([MEAN_HEAD, *map(mean_row, means)], gap=1)]
    if rates:
        lines += [*heading("Rates"), *paragraph(RATE_WORDS), "", *table([RATE_HEAD, *map(rate_row, rates)], gap=1)]
    lines += ["", *paragraph(HOLM_WORDS), *paired_lines(a, b), *fixed_lines(found)]
    return "\n".join(lines) + "\n"


def paired_lines(a: Campaign, b: Campaign) -> list[str]:
    """The difference within batches, where both campaigns drew from the same numbers."""
    found = paired(a, b)
    if found is None:
        return []
    ends, loose = (f"[{decimal(i.low, 4)}, {decimal(i.high, 4)}]" for i in (found.interval, found.unpaired))
    words = (
        f"Over {number(found.batches)} batches that both ran, B - A is {decimal(found.difference, 4)} wasted pages a "
        f"measured case {ends}; without pairing {loose}. {PAIRED_WORDS}"
    )
    return [*heading("The same cases (common random numbers)"), *paragraph(words)]


MEAN_HEAD = ["", "A", "B", "B - A", "A12", "p", "Holm"]
RATE_HEAD = ["", "A", "B", "B - A, interval", "p", "Holm"]


def verdict(found: Comparison) -> str:
    flagged = [UNITS.get(row.name, row.name) for row in found.differences if row.adjusted <= ALPHA]
    many = f"{len(flagged)} of {len(found.differences)} figures"
    return f"{many} differ: {', '.join(flagged)}." if flagged else f"None of {len(found.differences)} figures differs."


def mean_row(row: Difference) -> list[str]:
    ends = f"[{figure(row.interval.low)}, {figure(row.interval.high)}]"
    difference = f"{figure(row.difference)} {ends}"
    a12 = "-" if row.a12 is None else f"{row.a12:.3f}"
    return [UNITS[row.name], figure(row.a), figure(row.b), difference, a12, chance(row.p), flag(row)]


def rate_row(row: Difference) -> list[str]:
    ends = f"[{percent(row.interval.low)}, {percent(row.interval.high)}]"
    return [row.name, percent(row.a), percent(row.b), ends, chance(row.p), flag(row)]


def chance(p: float) -> str:
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"


def flag(row: Difference) -> str:
    return chance(row.adjusted) + ("*" if row.adjusted <= ALPHA else " ")


def fixed_lines(found: Comparison) -> list[str]:
    """Is it fixed?"""
    if not found.fixed:
        return []
    rows = [["", "rate in A", "clean in B", "needed", ""]]
    for row in found.fixed:
        needed = f"{number(row.needed)} [{number(row.needed_most)}]"
        enough = "enough" if row.clean >= row.needed_most else "for A's rate" if row.clean >= row.needed else "too few"
        rows.append([row.invariant, percent(row.rate.rate), number(row.clean), needed, enough])
    return [*heading("Is it fixed?"), *paragraph(FIXED_WORDS), "", *table(rows)]
