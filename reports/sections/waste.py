"""Wasted precharge as sections: all families by weight, by nodes and size, and each family by itself."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.engine.histograms import PRECHARGE_USED
from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.engine.variant import JUDGE_SPARE
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.by_stratum import strata_rows
from percpu_fuzz.reports.figures.cells import CASES_LEAST, Cell, cells, group_text, size_text
from percpu_fuzz.reports.figures.estimates import (
    Distribution,
    FamilyEstimate,
    family_estimates,
    measured,
    pooled_estimates,
    precharges,
    shares,
)
from percpu_fuzz.reports.figures.headroom import left_over
from percpu_fuzz.reports.invariants import applies, described_variant
from percpu_fuzz.reports.numbers import figure, number, percent, plural, upper_percent, weight
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, HeatCell, distribution_picture, dkw_curve, heat_picture
from percpu_fuzz.reports.sections.run_words import rule_words
from percpu_fuzz.reports.sections.text_strata import strata_cells, strata_words
from percpu_fuzz.reports.sections.text_waste import (
    FAMILY_WORDS,
    WASTE_WORDS,
    apart_rows,
    distribution_rows,
    head_of,
    interval_words,
    mean_cell,
    quantile_cell,
)
from percpu_fuzz.reports.statistics.intervals import dkw_half
from percpu_fuzz.reports.statistics.strata import pooled_ratio

X_TITLE = "pages precharged but not used"
PLACES_MOST = 64  # values at which the pooled distribution function is worked out
TAIL = 0.985  # a picture ends here where the rest would stretch over more than TAIL_TIMES of it
TAIL_TIMES = 4
KEYS = (("bar", "share of probes"), ("s2", "share at or below, with its band"), ("mark", "bound of the precharge"))


def waste_section(campaign: Campaign) -> Section:
    """All families by weight: table, picture; n/a for a variant that precharges nothing."""
    title = "Wasted precharge"
    if not precharges(campaign):
        return Section("waste", title, (f"n/a: {campaign.variant} precharges nothing.",))
    pooled = pooled_estimates(campaign)
    if "waste_pages" not in pooled:
        return Section("waste", title, (WASTE_WORDS, "No probe was charged: no estimate."))
    facts = f"n = {number(pooled['waste_pages'].n)} probes, {rule_words(campaign)}."
    words = [WASTE_WORDS, f"{facts} {interval_words(campaign, pooled)}"]
    figures = [pooled_figure(campaign), *heat_figures(campaign)]
    families = family_estimates(campaign)
    part = Section(
        "waste-families", "Family by family",
        (FAMILY_WORDS,),
        tuple(family_figure(campaign, row) for row in families if "waste_pages" in row.distributions),
        (families_table(families),),
    )  # fmt: skip
    parts = (*strata_parts(campaign), part)
    return Section("waste", title, tuple(words), tuple(figures), (pooled_table(campaign, pooled),), parts=parts)


def strata_parts(campaign: Campaign) -> tuple[Section, ...]:
    """Waste by what a case was like."""
    cells = tuple(strata_cells(strata_rows(campaign)))
    if not cells:
        return ()
    head = ("", "", "probes", "mean", "p50", "p99")
    caption = f"Pages; 95% intervals over cases; {rule_words(campaign)}."
    return (
        Section(
            "waste-strata",
            "By stratum",
            (strata_words(campaign),),
            tables=(Table(head, cells, 2, caption),),
            folded=True,
        ),
    )


def pooled_table(campaign: Campaign, pooled: Mapping[str, Distribution]) -> Table:
    """One row each for mean, quantiles and largest, a column a quantity; then without machines of many nodes."""
    rows = [tuple(row) for row in (*distribution_rows(pooled), *apart_rows(campaign))]
    return Table(tuple(head_of(pooled)), tuple(rows), caption="All families by weight; [95% interval]")


def families_table(families: list[FamilyEstimate]) -> Table:
    """Pages wasted, a row a family."""
    rows = []
    for row in families:
        waste = row.distributions.get("waste_pages")
        cells_ = ["-"] * 4
        if waste is not None:
            median, tail = (quantile_cell("waste_pages", q) for q in (waste.quantiles[0], waste.quantiles[2]))
            cells_ = [mean_cell("waste_pages", waste), median, tail, f"at most {upper_percent(waste.exceeding)}"]
        rows.append((row.name, weight(row.share), number(row.cases), number(row.probes), *cells_))
    head = ("family", "weight", "cases", "probes", "mean", "median", "p99", "above the largest")
    return Table(head, tuple(rows), caption="Pages wasted by family; [95% interval]")


def bound_of(campaign: Campaign) -> tuple[float, str]:
    """The least pages that a precharge leaves over: 0 (I1), or 1 where the variant claims it (I1b)."""
    variant = described_variant(campaign.describe)
    if variant is not None and applies("I1b", variant) and variant.judge & JUDGE_SPARE:
        return 1, "I1b: at least 1 left"
    return 0, "I1: at least 0 left"


def left_over_of(campaign: Campaign, family: str) -> Histogram:
    """Pages left over by probe: from the pairs where they were stored, else the waste, which is cut at 0."""
    sums = measured(campaign, family)
    return left_over(sums.histogram(PRECHARGE_USED)) or sums.histogram("waste_pages")


def family_figure(campaign: Campaign, row: FamilyEstimate) -> Figure:
    """A family's distribution with the band of its distribution function."""
    found = left_over_of(campaign, row.name)
    n = sum(found.values())
    drawn, beyond = cut({value: k / n for value, k in found.items()})
    curve = shortened(dkw_curve(found, dkw_half(n)), max(drawn))
    caption = f"n = {plural(n, 'probe')}; 95% DKW band, all values at once; {rule_words(campaign)}.{beyond}"
    label = f"{row.name}: pages precharged but not used"
    return Figure(row.name, distribution_picture(label, drawn, curve, X_TITLE, bound_of(campaign)), caption, KEYS)


def cut(shares_: Mapping[int, float]) -> tuple[dict[int, float], str]:
    """The values to draw, and words on those beyond the picture's end; far ones would squeeze all others."""
    below, last = 0.0, max(shares_)
    for value, share in sorted(shares_.items()):
        below += share
        if below >= TAIL:
            last = value
            break
    if max(shares_) <= TAIL_TIMES * max(last, 8):
        return dict(shares_), ""
    words = f" Not drawn: {percent(1 - below)} beyond {number(last)}, up to {number(max(shares_))} pages."
    return {value: share for value, share in shares_.items() if value <= last}, words


def shortened(curve: Curve, last: int) -> Curve:
    """The points of a curve at places up to `last`, that included."""
    return Curve(curve.kind, tuple(point for point in curve.points if point[0] <= last))


def pooled_figure(campaign: Campaign) -> Figure:
    """All families by weight, with an interval at each value."""
    strata = [(s, measured(campaign, name).cases, left_over_of(campaign, name)) for name, s in shares(campaign).items()]
    weights = weighted(strata)
    drawn, beyond = cut(weights)
    places = thinned([value for value in weights if value <= max(drawn)])
    points = []
    for value in places:
        rows = []
        for share, cases, found in strata:
            below = sum(k for v, k in found.items() if v <= value)
            rows.append((share, cases, below, sum(found.values()) - below))
        rate = pooled_ratio(rows)
        assert rate is not None
        points.append((float(value), rate.rate, rate.interval.low or 0.0, rate.interval.high or 1.0))
    n = sum(k for _, _, found in strata for k in found.values())
    picture = distribution_picture(
        "Pages precharged but not used, all families by weight", drawn, Curve("s2", tuple(points)), X_TITLE,
        bound_of(campaign),
    )  # fmt: skip
    caption = f"n = {plural(n, 'probe')}; band: 95% at each value, exact by family, joined; {rule_words(campaign)}."
    return Figure("All families by weight", picture, caption + beyond, KEYS)


def weighted(strata: list[tuple[float, int, Histogram]]) -> dict[int, float]:
    """Share of each value among charged probes, families by weight."""
    total: dict[int, float] = {}
    for share, cases, found in strata:
        for value, k in found.items():
            total[value] = total.get(value, 0.0) + share * k / cases
    whole = sum(total.values())
    return {value: share / whole for value, share in sorted(total.items())}


def thinned(values: list[int]) -> list[int]:
    """At most about PLACES_MOST of the values, first and last among them."""
    every = -(-len(values) // PLACES_MOST)
    return sorted({*values[::every], values[-1]})


def heat_figures(campaign: Campaign) -> list[Figure]:
    """Mean waste by nodes and size; none where the store has no cells."""
    found = cells(campaign)
    if not found:
        return []
    groups, sizes = sorted({cell.nodes for cell in found}), sorted({cell.size for cell in found})
    drawn = [heat_cell(cell, sizes.index(cell.size), groups.index(cell.nodes)) for cell in found]
    picture = heat_picture(
        "Mean pages wasted by nodes and size", [size_text(s) for s in sizes], [group_text(g) for g in groups], drawn,
        ("size of the allocation, up to ... bytes", "possible nodes"),
    )  # fmt: skip
    n = sum(cell.probes for cell in found)
    caption = (
        f"n = {plural(n, 'probe')}; means, families by weight; below: half the width of their 95% interval; "
        f"shades by rank; dashed: fewer than {CASES_LEAST} probes; {rule_words(campaign)}."
    )
    return [Figure("Mean pages wasted, by nodes and size", picture, caption)]


def heat_cell(cell: Cell, column: int, row: int) -> HeatCell:
    """Mean pages wasted, half the width of its interval below (not for few probes), and all of it as a note."""
    mean = figure(cell.mean_pages)
    note = (
        f"{group_text(cell.nodes)} nodes, up to {size_text(cell.size)} bytes: mean {mean}, {number(cell.probes)} probes"
    )
    text = f"{cell.mean_pages:.1f}" if cell.mean_pages < 10 else f"{cell.mean_pages:.0f}"
    below = ""
    if cell.interval.low is not None and cell.interval.high is not None:
        half = (cell.interval.high - cell.interval.low) / 2
        if cell.probes >= CASES_LEAST:
            below = f"{half:.2f}".lstrip("0") if half < 0.995 else f"{half:.1f}" if half < 9.95 else f"{half:.0f}"
        note += f", [{figure(cell.interval.low)}, {figure(cell.interval.high)}]"
    return HeatCell(column, row, cell.mean_pages, text, note, cell.probes < CASES_LEAST, below)
