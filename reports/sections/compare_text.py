"""`percpu-fuzz compare` as plain ASCII text of at most 78 columns."""

from __future__ import annotations

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.compare import Comparison, Difference, compare
from percpu_fuzz.reports.figures.compare_values import values
from percpu_fuzz.reports.figures.headroom import CLASS_PLACES, nodes_curves
from percpu_fuzz.reports.figures.limits import HUGE_NODES
from percpu_fuzz.reports.figures.paired import paired
from percpu_fuzz.reports.numbers import (
    decimal,
    figure,
    fitting,
    heading,
    number,
    paragraph,
    percent,
    plural,
    table,
    title,
)
from percpu_fuzz.reports.sections.precharge import nodes_text
from percpu_fuzz.reports.sections.precharge import rate_words as rate_cell
from percpu_fuzz.reports.sections.run_words import rule_words
from percpu_fuzz.reports.sections.text_violations import estimate_words
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval

ALPHA = 1 - LEVEL
UNITS = {
    "waste_pages": "pages wasted",
    "share_percent": "% of precharge",
    "rounding_bytes16": "rounding, pages",
    "misplaced_bytes": "bytes amiss",
    "in_flight_pages": "pages in flight",
}
VALUE_WORDS = (
    "By weight, [95% interval]. Means: empirical Bernstein intervals where the precharge formula bounds the values, "
    "else the bootstrap over cases (BCa), '-' where a few cases decide the mean; B - A: BCa, else both Bernstein "
    "intervals. Quantiles: exact ones of each family, joined. A12: the chance that a case of B lies above one of A of "
    "the same family (0.5: neither), DeLong's interval (approximate). p: Mann-Whitney's test by family."
)
RATE_WORDS = (
    "k of n as run; then each family's rate by its weight, intervals joined from exact ones of each family and "
    "campaign, so they are wide. p: events of each family given their number (Cochran, Mantel and Haenszel), exact "
    "while they are few. 'fails, h left': of the probes that fit into h pages by what they use, those that do not by "
    "their precharge."
)
CURVES_WORDS = (
    "Of the probes that fit into h pages, the share that fails only because of the precharge, by nodes of the machine "
    "and by whether the allocation may block (KERNEL) or not (NOWAIT); by weight of each campaign's families, [95% "
    "interval]."
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
    lines += [*paragraph(verdict(found)), ""]
    for name, campaign, cases, probes in zip("AB", (a, b), found.cases, found.probes, strict=True):
        counts = f"{plural(cases, 'measured case')}, {plural(probes, 'charged probe')}"
        lines += paragraph(f"{name}: {campaign.out}: {counts}; {rule_words(campaign)}")
    if found.left_out:
        lines += paragraph(f"Left out, since one of them only ran it: {', '.join(found.left_out)}.")
    means = [row for row in found.differences if row.kind == "mean"]
    rates = [row for row in found.differences if row.kind != "mean"]
    if means:
        lines += [*heading("Quantities"), *paragraph(VALUE_WORDS), *value_lines(a, b, found, means)]
    if rates:
        rows = [RATE_HEAD, *(line for row in rates for line in rate_rows(row))]
        lines += [*heading("Rates"), *paragraph(RATE_WORDS), "", *fitting(rows, 2)]
    lines += ["", *paragraph(HOLM_WORDS), *curve_lines(a, b, found), *paired_lines(a, b), *fixed_lines(found)]
    return "\n".join(lines) + "\n"


def value_lines(a: Campaign, b: Campaign, found: Comparison, means: list[Difference]) -> list[str]:
    """Each quantity: A12 and p, then its mean and quantiles of A, of B, and B - A."""
    lines, all_values = [], values(a, b, found.families)
    for row in means:
        scale = 16 if row.name == "rounding_bytes16" else 1
        a12 = (
            "-"
            if row.a12 is None
            else f"{row.a12:.3f} [{_three(row.a12_interval.low)}, {_three(row.a12_interval.high)}]"
        )
        head = f"{UNITS[row.name]}: A12 {a12}; p {chance(row.p)}, Holm {flag(row).rstrip()}"
        rows = [["", "A", "B", "B - A"]]
        for value in all_values:
            if value.quantity == row.name:
                cells = ((value.a, value.a_interval), (value.b, value.b_interval), (value.b - value.a, value.interval))
                rows.append([value.statistic, *(value_cell(middle / scale, ends, scale) for middle, ends in cells)])
        lines += ["", *paragraph(head), *table(rows, gap=1)]
    if any(value.statistic == "mean*" for value in all_values):
        lines += [
            "",
            *paragraph(f"*: without machines of more than {HUGE_NODES} nodes, of which few cases can be run."),
        ]
    return lines


def _three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def value_cell(value: float, ends: Interval, scale: int) -> str:
    """1.25 [1.10, 1.40]. value: in the unit shown; ends: in the stored one, `scale` times as large."""
    low, high = (None if end is None else end / scale for end in (ends.low, ends.high))
    return f"{figure(value)} [{figure(low)}, {figure(high)}]"


def curve_lines(a: Campaign, b: Campaign, found: Comparison) -> list[str]:
    """Both variants' curves of spurious failures in one table."""
    curves = [nodes_curves(campaign, CLASS_PLACES, found.families) for campaign in (a, b)]
    if not all(curves):
        return []
    rows = [["nodes", "GFP_", "", "probes", *(f"{places} left" for places in CLASS_PLACES)]]
    both = {(curve.nodes, curve.nowait) for made in curves for curve in made}
    for nodes, nowait in sorted(both):
        for name, made in zip("AB", curves, strict=True):
            for curve in made:
                if (curve.nodes, curve.nowait) == (nodes, nowait):
                    cells = [rate_cell(row.of_fitting) for row in curve.rows]
                    flags = "NOWAIT" if nowait else "KERNEL"
                    rows.append([nodes_text(nodes), flags, name, number(curve.probes), *cells])
    return [*heading("Spurious failures by headroom"), *paragraph(CURVES_WORDS), "", *fitting(rows, 3)]


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


RATE_HEAD = ["", "", "k of n; p, Holm", "by weight"]


def verdict(found: Comparison) -> str:
    """How many figures differ, by p as Holm corrects it, of how many compared, and which."""
    flagged = [UNITS.get(row.name, row.name) for row in found.differences if row.adjusted <= ALPHA]
    many = f"{len(flagged)} of {len(found.differences)} figures"
    differ = "differs" if len(flagged) == 1 else "differ"
    return (
        f"{many} {differ}: {', '.join(flagged)}." if flagged else f"None of {len(found.differences)} figures differs."
    )


def rate_rows(row: Difference) -> list[list[str]]:
    """A, B, and B - A with its p."""
    k, n, kb, m = row.counts
    return [
        [row.name, "A", f"{number(k)} of {number(n)}", estimate_words(row.a, row.ends[0])],
        ["", "B", f"{number(kb)} of {number(m)}", estimate_words(row.b, row.ends[1])],
        ["", "B - A", f"{chance(row.p)}, {flag(row)}", estimate_words(row.difference, row.interval)],
    ]


def chance(p: float) -> str:
    """A p-value with four decimals, '<0.0001' below them."""
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"


def flag(row: Difference) -> str:
    """Holm's p, followed by * where it is at most ALPHA, by a blank elsewhere so that columns stay."""
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
