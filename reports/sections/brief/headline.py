"""How campaign B differs from campaign A, a line a figure: from what to what, by how much, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from percpu_fuzz.reports.figures.compare import Comparison, Difference
from percpu_fuzz.reports.figures.compare_values import Value
from percpu_fuzz.reports.figures.families import HUGE_NODES
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.left_over import weighted_shares
from percpu_fuzz.reports.identity import mail_words, part_words
from percpu_fuzz.reports.invariants import INVARIANT_WORDS
from percpu_fuzz.reports.numbers import decimals_within, number, percent, plural, share_words
from percpu_fuzz.reports.quantities import QUANTITIES, SHARE, WASTE
from percpu_fuzz.reports.render.page import Figure, Section
from percpu_fuzz.reports.render.pictures import Curve, curves_picture
from percpu_fuzz.reports.sections.brief.mail import MAIL_LINES_MOST, repeat_lines, wrapped
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval

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
