"""`percpu-fuzz compare` as a page and as a mail: how campaign B differs from campaign A, figure by figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import to_builtins

from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.reports.figures.compare import Comparison, Difference, Value, compare, paired, values
from percpu_fuzz.reports.figures.families import HUGE_NODES, range_text
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.headroom import CLASS_PLACES, nodes_curves
from percpu_fuzz.reports.figures.left_over import weighted_shares
from percpu_fuzz.reports.figures.rates import seconds_for
from percpu_fuzz.reports.identity import mail_words, part_words
from percpu_fuzz.reports.invariants import INVARIANT_WORDS
from percpu_fuzz.reports.numbers import decimal, decimals_within, duration, number, percent, plural, share_words
from percpu_fuzz.reports.quantities import QUANTITIES, SHARE, WASTE
from percpu_fuzz.reports.render.page import Figure, Page, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, curves_picture
from percpu_fuzz.reports.sections.brief.mail import MAIL_LINES_MOST, repeat_lines, wrapped
from percpu_fuzz.reports.sections.rate_words import estimate_words, rate_cell
from percpu_fuzz.reports.sections.run_words import identity_words, rule_words
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval

QUANTITIES_WORDS = (
    "By weight, [95% interval]. Means: empirical Bernstein intervals where the precharge formula bounds the values, "
    "else the bootstrap over cases (BCa), '-' where a few cases decide the mean; B - A: BCa, else both Bernstein "
    "intervals. Quantiles: exact ones of each family, joined. A12: the chance that a case of B lies above one of A of "
    "the same family (0.5: neither), DeLong's interval (approximate). p: Mann-Whitney's test by family."
)
RATES_WORDS = (
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
TESTS_WORDS = "Mann-Whitney for amounts, Cochran-Mantel-Haenszel for rates, p at most 0.05 after Holm's correction"
PAIRED_WORDS = (
    "Both campaigns drew the same machines and programs, so the difference is taken within batches; a case whose probe "
    "was not charged wastes 0. Student's interval over batches, families by weight; '-' while a family has fewer than "
    "10 batches."
)
FIXED_WORDS = (
    "What A violated and B did not. A bug that B still had at A's rate would have stayed unseen in so many clean cases "
    "with at most 5%; in brackets: for the lower end of that rate's interval. Time: "
    "what those in brackets take at B's rate."
)


def compare_page(a: Figures, b: Figures) -> Page:
    """The whole comparison; sections of figures that both campaigns have."""
    found = compare(a, b)
    sections = [*quantities_sections(a, b, found), *rates_sections(found)]
    if sections:
        sections[-1] = replace(sections[-1], notes=(*sections[-1].notes, HOLM_WORDS))
    sections += [*curves_sections(a, b, found), *paired_sections(a, b)]
    one, other = a.campaign, b.campaign
    title = f"percpu-fuzz compare: A {one.variant}, seed {one.seed}; B {other.variant}, seed {other.seed}"
    violated = any(row.kind == "violated" for row in found.differences)
    lines = headline_lines(found, values(a, b, found.families), a, b)
    told = [headline_section(a, b, lines)] if lines else []
    said = f"A is {part_words(one.variant)}, B is {part_words(other.variant)}."
    words = (said, *compared_words(a, b, found), *identity_words(b.campaign))
    return Page(title, difference_words(found), violated, "", (*told, *fixed_sections(found, b), *sections), words)


def compare_json(a: Figures, b: Figures) -> dict[str, Any]:
    """The comparison as plain data: what is compared, each difference, each value, and what is fixed."""
    found = compare(a, b)
    made = to_builtins(found, str_keys=True) | {"values": to_builtins(values(a, b, found.families), str_keys=True)}
    sides = {
        name: {"variant": c.variant, "seed": c.seed, "out": c.out, "digest": c.digest, "command": c.command}
        for name, c in (("a", a.campaign), ("b", b.campaign))
    }
    return {"schema": 1, **sides, **made, "verdict": difference_words(found), "model": list(identity_words(b.campaign))}


def mail_of(a: Figures, b: Figures) -> str:
    """The comparison as a mail."""
    found = compare(a, b)
    lines = headline_lines(found, values(a, b, found.families), a, b)
    return compare_mail(a, b, difference_words(found), lines)


def compared_words(a: Figures, b: Figures, found: Comparison) -> tuple[str, ...]:
    """What A and B are, and which families are left out."""
    words = []
    for name, campaign, cases, probes in zip("AB", (a.campaign, b.campaign), found.cases, found.probes, strict=True):
        counts = f"{plural(cases, 'measured case')}, {plural(probes, 'charged probe')}"
        if campaign.pilot and (rest := campaign.cases(MEASUREMENT) - cases) and not found.left_out:
            counts += f" ({number(rest)} more not used: of the pilot and what follows it, one alone is)"
        words.append(f"{name}: {campaign.out}: {counts}; {rule_words(campaign)}")
    if found.left_out:
        words.append(f"Left out, since one of them only ran it: {', '.join(found.left_out)}.")
    return tuple(words)


def difference_words(found: Comparison) -> str:
    """How many figures differ, by p as Holm corrects it, of how many compared, and which."""
    flagged = [
        QUANTITIES[row.name].words if row.kind == "mean" else row.name
        for row in found.differences
        if row.adjusted <= ALPHA
    ]
    if not flagged:
        return f"None of {len(found.differences)} figures differs ({TESTS_WORDS})."
    differ = "differs" if len(flagged) == 1 else "differ"
    return f"{len(flagged)} of {len(found.differences)} figures {differ} ({TESTS_WORDS}): {', '.join(flagged)}."


def quantities_sections(a: Figures, b: Figures, found: Comparison) -> list[Section]:
    """A table a quantity; nothing where none was counted by both."""
    means = [row for row in found.differences if row.kind == "mean"]
    if not means:
        return []
    every = values(a, b, found.families)
    tables = tuple(quantity_table(row, [value for value in every if value.quantity == row.name]) for row in means)
    apart = f"*: without machines of more than {HUGE_NODES} nodes, of which few cases can be run."
    notes = (apart,) if any(value.statistic == "mean*" for value in every) else ()
    return [Section("quantities", "Quantities", (QUANTITIES_WORDS,), tables=tables, notes=notes)]


def quantity_table(row: Difference, found: Sequence[Value]) -> Table:
    """A12 and p, then mean and quantiles of A, of B, and B - A."""
    quantity, rows = QUANTITIES[row.name], []
    for value in found:
        cells = ((value.a, value.a_interval), (value.b, value.b_interval), (value.b - value.a, value.interval))
        rows.append((value.statistic, *(quantity.mean_words(middle, ends) for middle, ends in cells)))
    said = f"p {chance(row.p)}, Holm {flag(row).rstrip()}"
    return Table(("", "A", "B", "B - A"), tuple(rows), caption=f"{quantity.words}: A12 {a12_words(row)}; {said}")


def a12_words(row: Difference) -> str:
    """0.166 [0.153, 0.180], '-' for none."""
    if row.a12 is None:
        return "-"
    return f"{row.a12:.3f} [{decimal(row.a12_interval.low, 3)}, {decimal(row.a12_interval.high, 3)}]"


def rates_sections(found: Comparison) -> list[Section]:
    """Three rows a rate; nothing where nothing was violated and nothing failed for its precharge."""
    rows = tuple(line for row in found.differences if row.kind != "mean" for line in rate_rows(row))
    table = Table(("", "", "k of n; p, Holm", "by weight"), rows, 2)
    return [Section("rates", "Rates", (RATES_WORDS,), tables=(table,))] if rows else []


def rate_rows(row: Difference) -> list[tuple[str, ...]]:
    """A, B, and B - A with its p."""
    k, n, kb, m = row.counts
    return [
        (row.name, "A", f"{number(k)} of {number(n)}", estimate_words(row.a, row.ends[0])),
        ("", "B", f"{number(kb)} of {number(m)}", estimate_words(row.b, row.ends[1])),
        ("", "B - A", f"{chance(row.p)}, {flag(row)}", estimate_words(row.difference, row.interval)),
    ]


def chance(p: float) -> str:
    """A p-value with four decimals, '<0.0001' below them."""
    return "<0.0001" if p < 1e-4 else f"{p:.4f}"


def flag(row: Difference) -> str:
    """Holm's p, followed by * where it is at most ALPHA, by a blank elsewhere so that columns stay."""
    return chance(row.adjusted) + ("*" if row.adjusted <= ALPHA else " ")


def curves_sections(a: Figures, b: Figures, found: Comparison) -> list[Section]:
    """Both variants' curves of spurious failures in one table."""
    curves = [
        nodes_curves([f for f in c.precharging_families if f.name in found.families], CLASS_PLACES) for c in (a, b)
    ]
    if not all(curves):
        return []
    rows = []
    both = {(curve.nodes, curve.nowait) for made in curves for curve in made}
    for nodes, nowait in sorted(both):
        for name, made in zip("AB", curves, strict=True):
            for curve in made:
                if (curve.nodes, curve.nowait) == (nodes, nowait):
                    cells = [rate_cell(row.of_fitting) for row in curve.headroom]
                    flags = "NOWAIT" if nowait else "KERNEL"
                    rows.append((range_text(nodes), flags, name, number(curve.probes), *cells))
    head = ("nodes", "GFP_", "", "probes", *(f"{places} left" for places in CLASS_PLACES))
    table = Table(head, tuple(rows), 3)
    return [Section("headroom", "Spurious failures by headroom", (CURVES_WORDS,), tables=(table,))]


def paired_sections(a: Figures, b: Figures) -> list[Section]:
    """The difference within batches, where both campaigns drew from the same numbers."""
    found = paired(a, b)
    if found is None:
        return []
    ends, loose = (f"[{decimal(i.low, 4)}, {decimal(i.high, 4)}]" for i in (found.interval, found.unpaired))
    words = (
        f"Over {number(found.batches)} batches that both ran, B - A is {decimal(found.difference, 4)} wasted pages a "
        f"measured case {ends}; without pairing {loose}. {PAIRED_WORDS}"
    )
    return [Section("paired", "The same cases (common random numbers)", (words,))]


def fixed_sections(found: Comparison, b: Figures) -> list[Section]:
    """Is it fixed? Nothing where B violated all that A did."""
    rows = []
    for row in found.fixed:
        needed = f"{number(row.needed)} [{number(row.needed_most)}]"
        enough = "enough" if row.clean >= row.needed_most else "for A's rate" if row.clean >= row.needed else "too few"
        takes = duration(seconds_for(b.campaign, row.needed_most))
        rows.append((row.invariant, percent(row.rate.rate), number(row.clean), needed, takes, enough))
    table = Table(("", "rate in A", "clean in B", "needed", "time", ""), tuple(rows))
    return [Section("fixed", "Is it fixed?", (FIXED_WORDS,), tables=(table,))] if rows else []


# The lines that lead: from what to what, by how much, with its interval.
ALPHA = 1 - LEVEL
HEADROOM_NAMES = ("fails, 1 left", "fails, 4 left", "fails, 16 left")
SAID_MOST = 12


def headline_lines(found: Comparison, values: Sequence[Value], a: Figures, b: Figures) -> list[str]:
    """Violated invariants, then waste and its share, then failures for the precharge; what differs first in each."""
    rows = [row for row in found.differences if row.kind == "violated"]
    lines = [rate_line(row) for row in sorted(rows, key=lambda row: row.adjusted > ALPHA)]
    for quantity in (WASTE, SHARE):
        lines += mean_lines([value for value in values if value.quantity == quantity.histogram], a, b)
    lines += [rate_line(row) for row in found.differences if row.name in HEADROOM_NAMES]
    return lines[:SAID_MOST]


def mean_lines(values: Sequence[Value], a: Figures, b: Figures) -> list[str]:
    """The mean on machines that are not huge where there are others too, and then, of waste, that of all by weight."""
    means = {value.statistic: value for value in values if value.statistic in ("mean", "mean*")}
    if "mean*" not in means:
        return [mean_line(value) for value in means.values()]
    lines = [mean_line(means["mean*"], f" on machines of up to {HUGE_NODES} nodes")]
    huge = [figures.huge for figures in (a, b)]
    if "mean" in means and means["mean"].quantity == WASTE.histogram and all(huge):
        cases = ", ".join(f"{plural(one.cases, 'case')} in {name}" for name, one in zip("AB", huge, strict=True) if one)
        weight = share_words(huge[0].share) if huge[0] else ""
        lines.append(mean_line(means["mean"], f" with machines of over {HUGE_NODES} nodes (weight {weight}; {cases})"))
    return lines


def mean_line(value: Value, on: str = "") -> str:
    """pages wasted on machines of up to 64 nodes: mean 2.93 -> 1.67, -1.27 [-1.37, -1.16]."""
    quantity, change = QUANTITIES[value.quantity], value.b - value.a
    one, other = (quantity.mean_words(mean, Interval(None, None)).partition(" ")[0] for mean in (value.a, value.b))
    sign = "+" if change > 0 else ""
    return f"{quantity.words}{on}: mean {one} -> {other}, {sign}{quantity.mean_words(change, value.interval)}"


def rate_line(row: Difference) -> str:
    """I8 violated: 25 of 10,375 cases -> 0 of 10,375; of a share: 39% -> 14%, -25.6 points [-33.8, -16.3].

    Where chance alone may do that, it says so.
    """
    doubt = "" if row.adjusted <= ALPHA else "; may be chance"
    if row.kind == "violated":
        k, n, kb, m = map(number, row.counts)
        return f"{row.name}: {k} of {n} cases -> {kb} of {m}{doubt} ({INVARIANT_WORDS[row.name.split()[0]]})"
    low, high = row.interval.low, row.interval.high
    decimals = min(4, max(1, decimals_within(low, high)))
    ends = ", ".join("-" if end is None else f"{100 * end:+.{decimals}f}" for end in (low, high))
    change = f"{100 * row.difference:+.{decimals}f} points [{ends}]"
    return f"{said_headroom(row.name)}: {percent(row.a)} -> {percent(row.b)}, {change}{doubt}"


def said_headroom(name: str) -> str:
    """fails only for its precharge, 4 pages left."""
    pages = int(name.split()[1])
    return f"fails only for its precharge, {plural(pages, 'page')} left"


def headline_section(a: Figures, b: Figures, lines: Sequence[str]) -> Section:
    """The lines, and both distributions of waste in one picture."""
    return Section("summary", "From A to B", tuple(lines), before_and_after(a, b))


def before_and_after(a: Figures, b: Figures) -> tuple[Figure, ...]:
    """Share of allocations at or below each number of pages wasted, in A and in B; nothing unless both waste."""
    curves = []
    for kind, figures in (("s1", a), ("s2", b)):
        if WASTE.histogram not in figures.pooled or not figures.precharges:
            return ()
        below, points = 0.0, [(0.0, 0.0, 0.0, 0.0)]
        for value, share in weighted_shares([f for f in figures.families if f.cases], figures.left_over).items():
            below = min(1.0, below + share)
            points.append((float(max(value, 0)), below, below, below))
        curves.append(Curve(kind, tuple(points)))
    titles = ("pages precharged but not used", "share at or below")
    picture = curves_picture("Pages wasted in A and in B", curves, titles, log=True, percent=True)
    names = tuple((kind, f"{name}: {f.campaign.variant}") for kind, name, f in (("s1", "A", a), ("s2", "B", b)))
    counted = ", ".join(plural(f.pooled[WASTE.histogram].n, "probe") for f in (a, b))
    caption = f"n = {counted}; each campaign's families by its own weights; estimates without their band."
    return (Figure("Before and after", picture, caption, names),)


def compare_mail(a: Figures, b: Figures, verdict: str, lines: Sequence[str]) -> str:
    """The comparison as a reply for a list: at most 40 lines of 72 columns that say that they come from a model."""
    one, other = a.campaign, b.campaign
    said = f"{mail_words(other.variant)} A is {part_words(one.variant)}, B is {part_words(other.variant)}."
    text = [*wrapped(said), "", *wrapped(verdict), ""]
    end = ["", *(f"{name}: {line}" for name, c in (("A", one), ("B", other)) for line in repeat_lines(c))]
    for line in lines:
        told = wrapped(line, "  ", "    ")
        if len(text) + len(told) + len(end) <= MAIL_LINES_MOST:
            text += told
    return "\n".join([*text, *end]) + "\n"
