"""Wasted precharge as sections: all families by weight, by stratum, and each family by itself."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.engine.variant import JUDGE_SPARE, Variant
from percpu_fuzz.reports.figures.cells import PROBES_LEAST, Cell, size_text
from percpu_fuzz.reports.figures.estimates import FamilyEstimate
from percpu_fuzz.reports.figures.families import HUGE_NODES, range_text
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.left_over import weighted_below, weighted_shares
from percpu_fuzz.reports.invariants import applies
from percpu_fuzz.reports.numbers import figure, number, percent, plural, share_words, upper_percent
from percpu_fuzz.reports.quantities import ROUNDING, SHARE, WASTE
from percpu_fuzz.reports.render.page import Bars, Figure, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, HeatCell, distribution_picture, dkw_curve, heat_picture
from percpu_fuzz.reports.sections.estimate_tables import families_table, statistics_rows
from percpu_fuzz.reports.sections.run_words import rule_words
from percpu_fuzz.reports.sections.sampled import here_tables
from percpu_fuzz.reports.statistics.intervals import dkw_half

COLUMNS = (WASTE, SHARE, ROUNDING)
WASTE_WORDS = (
    "Wasted precharge: pages precharged less pages used, averaged over the charged allocations of a case; its share of "
    "the precharge is cut to whole percent. Family by family, in rounding and in counts of probes: of one allocation a "
    "case, marked beforehand and counted if it was charged. Rounding: of the pages used, what is not filled with the "
    "allocation's bytes, because each node rounds up; in pages, cut to sixteenths. Before [low, high] stands the "
    "estimate; '-': too few cases to bound that end."
)
POOLED_WORDS = (
    "Each family counts by its weight, not by its number of cases. The intervals hold at least 95% whatever the "
    "distributions are: Bernstein's inequality over all families, for means and for quantiles of averages over a case; "
    "exact intervals of each family, joined by Bonferroni, for quantiles of probes. A family too small for either "
    "counts by the range that the precharge formula and its machines leave."
)
FAMILY_WORDS = (
    "Quantiles with exact distribution-free intervals (order statistics), means with empirical Bernstein intervals; "
    "both hold at least 95% whatever the distribution is. What few probes leave open ends at the most that the "
    "precharge formula allows."
)
WEIGHT_WORDS = (
    "What figures by weight are of. The weights are a choice, so that every shape is met, and no survey of machines; "
    "`run --weights` takes others, `run --topology` one machine."
)
STRATA_WORDS = (
    "Wasted pages by what the case was like, pooled over families by weight. Each row is a part of the measured "
    "distribution: the estimate is of probes like these, with intervals as above. Rows of one kind are not independent "
    "of rows of another, and no correction is made for looking at many."
)
STRATA_WITHOUT_HUGE = f"Machines of more than {HUGE_NODES} nodes are in the last row of 'nodes' and in no other."
QUANTILES_WITHOUT_HUGE = (0.5, 0.99)  # that are also shown without machines of many nodes

X_TITLE = "pages precharged but not used"
TAIL = 0.985  # a picture ends here where the rest would stretch over more than TAIL_TIMES of it
TAIL_TIMES = 4
KEYS = (("bar", "share of probes"), ("s2", "share at or below, with its band"), ("mark", "bound of the precharge"))


def waste_section(figures: Figures) -> Section:
    """All families by weight: table, picture; n/a for a variant that precharges nothing."""
    title = "Wasted precharge"
    if not figures.precharges:
        return Section("waste", title, (f"n/a: {figures.campaign.variant} precharges nothing.",))
    if WASTE.histogram not in figures.pooled:
        return Section("waste", title, (WASTE_WORDS, "No probe was charged: no estimate."))
    return Section(
        "waste", title, (WASTE_WORDS,), (pooled_figure(figures), *heat_figures(figures)),
        (*here_tables(figures), pooled_table(figures)),
        parts=(*strata_parts(figures), families_part(figures)), notes=(pooled_notes(figures),),
    )  # fmt: skip


def pooled_table(figures: Figures) -> Table:
    """One row each for mean, quantiles and largest, a column a quantity; then without machines of many nodes."""
    shown = [q for q in COLUMNS if q.histogram in figures.pooled]
    rows = statistics_rows(figures.pooled, shown)
    if WASTE.histogram in figures.pooled_without_huge:
        rows += statistics_rows(figures.pooled_without_huge, shown, "*", QUANTILES_WITHOUT_HUGE, largest=False)
    return Table(("", *(q.words for q in shown)), tuple(rows), caption="All families by weight; [95% interval]")


def pooled_notes(figures: Figures) -> str:
    """What the intervals of pooled figures stand for, and what is missing in them."""
    campaign, huge = figures.campaign, figures.huge
    pooled = figures.pooled[WASTE.histogram]
    words = [f"n = {number(pooled.n)} probes, {rule_words(campaign)}.", POOLED_WORDS]
    if huge is not None:
        words.append(
            f"{', '.join(huge.names)} (machines of more than {HUGE_NODES} nodes): weight {share_words(huge.share)}, "
            f"{plural(huge.cases, 'case')}, and {figure(huge.waste_pages)} of the mean's {figure(pooled.mean)} wasted "
            "pages; it makes the intervals of means and of the last quantiles wide. Rows marked * leave it out."
        )
    empty = [family.name for family in figures.families if family.cases == 0]
    if empty:
        words.append(
            f"No case yet: {', '.join(empty)}: estimates speak of the other families only, intervals leave these open."
        )
    if campaign.unknown(MEASUREMENT):
        words.append(f"Not in these figures: {plural(campaign.unknown(MEASUREMENT), 'case')} of unknown batches.")
    return " ".join(words)


def strata_parts(figures: Figures) -> tuple[Section, ...]:
    """Waste by what a case was like."""
    if not figures.strata:
        return ()
    rows, before = [], ""
    for row in figures.strata:
        quantiles = map(WASTE.quantile_words, row.quantiles.values())
        mean = WASTE.mean_words(row.mean, row.mean_interval)
        rows.append(("" if row.kind == before else row.kind, row.value, number(row.probes), mean, *quantiles))
        before = row.kind
    caption = f"Pages; 95% intervals over cases; {rule_words(figures.campaign)}."
    table = Table(("", "", "probes", "mean", "p50", "p99"), tuple(rows), 2, caption, groups=True)
    words = (STRATA_WORDS, *([STRATA_WITHOUT_HUGE] if figures.huge else []))
    return (Section("waste-strata", "By stratum", (" ".join(words),), tables=(table,), folded=True),)


def families_part(figures: Figures) -> Section:
    """Each family: how much was run, its distributions, and the picture of its waste."""
    families = figures.family_estimates
    return Section(
        "waste-families", "Family by family", (FAMILY_WORDS,),
        tuple(family_waste_figure(figures, row) for row in families if WASTE.histogram in row.distributions),
        (
            *weights_tables(figures),
            counts_table(families),
            families_table(WASTE, "Pages wasted; [95% interval]", families),
            families_table(SHARE, "Percent of the precharge; [95% interval]", families),
            families_table(ROUNDING, "Pages left by rounding up; [95% interval]", families),
        ),
    )  # fmt: skip


def weights_tables(figures: Figures) -> list[Table]:
    """Families with what their weights stand for; none where that is not recorded or there is one machine."""
    words = figures.campaign.describe.get("stands for", {})
    if len(figures.families) < 2 or not words:
        return []
    rows = [(family.name, share_words(family.share), str(words.get(family.name, "-"))) for family in figures.families]
    return [Table(("family", "weight", "stands for"), tuple(rows), 1, WEIGHT_WORDS, 2)]


def counts_table(families: list[FamilyEstimate]) -> Table:
    """Weight, cases and probes, a row a family, and what the largest waste leaves open."""
    rows = []
    for row in families:
        waste = row.distributions.get(WASTE.histogram)
        above = "no estimate" if waste is None else f"at most {upper_percent(waste.share_above_max_at_most)}"
        rows.append((row.name, share_words(row.share), number(row.cases), number(row.probes_charged), above))
    return Table(("family", "weight", "cases", "probes charged", "above the largest waste"), tuple(rows))


def bound_of(variant: Variant | None) -> tuple[float, str]:
    """The least pages that a precharge leaves over: 0 (I1), or 1 where the variant claims it (I1b)."""
    if variant is not None and applies("I1b", variant) and variant.judge & JUDGE_SPARE:
        return 1, "I1b: at least 1 left"
    return 0, "I1: at least 0 left"


def family_waste_figure(figures: Figures, row: FamilyEstimate) -> Figure:
    """A family's distribution with the band of its distribution function."""
    found = figures.left_over[row.name]
    n = sum(found.values())
    drawn, beyond = cut({value: k / n for value, k in found.items()})
    curve = shortened(dkw_curve(found, dkw_half(n)), max(drawn))
    caption = f"n = {plural(n, 'probe')}; 95% DKW band, all values at once; {rule_words(figures.campaign)}.{beyond}"
    picture = distribution_picture(f"{row.name}: {X_TITLE}", drawn, curve, X_TITLE, bound_of(figures.variant))
    bars = Bars(WASTE.words, row.distributions[WASTE.histogram].histogram)
    return Figure(row.name, picture, caption, KEYS, bars=bars)


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


def pooled_figure(figures: Figures) -> Figure:
    """All families by weight, with an interval at each value."""
    families, found = figures.families, figures.left_over
    weights = weighted_shares(families, found)
    drawn, beyond = cut(weights)
    below = weighted_below(families, found, [value for value in weights if value <= max(drawn)])
    points = tuple((float(v), r.rate, r.interval.low or 0.0, r.interval.high or 1.0) for v, r in below)
    title = "Pages precharged but not used, all families by weight"
    picture = distribution_picture(title, drawn, Curve("s2", points), X_TITLE, bound_of(figures.variant))
    n = plural(sum(k for histogram in found.values() for k in histogram.values()), "probe")
    caption = f"n = {n}; band: 95% at each value, exact by family, joined; {rule_words(figures.campaign)}.{beyond}"
    return Figure("All families by weight", picture, caption, KEYS)


def heat_figures(figures: Figures) -> list[Figure]:
    """Mean waste by nodes and size; none where the store has no cells."""
    found = figures.cells
    if not found:
        return []
    groups, sizes = sorted({cell.nodes for cell in found}), sorted({cell.size_bytes_max for cell in found})
    drawn = [heat_cell(cell, sizes.index(cell.size_bytes_max), groups.index(cell.nodes)) for cell in found]
    picture = heat_picture(
        "Mean pages wasted by nodes and size", [size_text(s) for s in sizes], [range_text(g) for g in groups], drawn,
        ("size of the allocation, up to ... bytes", "possible nodes"),
    )  # fmt: skip
    n = sum(cell.probes for cell in found)
    caption = (
        f"n = {plural(n, 'probe')}; means, families by weight; below: half the width of their 95% interval; "
        f"shades by rank; dashed: fewer than {PROBES_LEAST} probes; {rule_words(figures.campaign)}."
    )
    return [Figure("Mean pages wasted, by nodes and size", picture, caption)]


def heat_cell(cell: Cell, column: int, row: int) -> HeatCell:
    """Mean pages wasted, half the width of its interval below (not for few probes), and all of it as a note."""
    pages, interval = cell.mean_waste_pages, cell.interval
    where = f"{range_text(cell.nodes)} nodes, up to {size_text(cell.size_bytes_max)} bytes"
    note = f"{where}: mean {figure(pages)}, {number(cell.probes)} probes"
    text = f"{pages:.1f}" if pages < 10 else f"{pages:.0f}"
    below = ""
    if interval.low is not None and interval.high is not None:
        half = (interval.high - interval.low) / 2
        if cell.probes >= PROBES_LEAST:
            below = f"{half:.2f}".lstrip("0") if half < 0.995 else f"{half:.1f}" if half < 9.95 else f"{half:.0f}"
        note += f", [{figure(interval.low)}, {figure(interval.high)}]"
    return HeatCell(column, row, pages, text, note, cell.probes < PROBES_LEAST, below)
