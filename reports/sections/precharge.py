"""What the precharge costs beside waste, as sections: spurious failures, pages in flight; and bytes booked amiss."""

from __future__ import annotations

from collections.abc import Sequence

from percpu_fuzz.engine.histograms import PRECHARGE_USED
from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import (
    Distribution,
    families_apart,
    family_estimates,
    measured,
    pooled_estimates,
    precharges,
    shares,
)
from percpu_fuzz.reports.figures.headroom import (
    CLASS_PLACES,
    NODE_CLASSES,
    Headroom,
    NodesCurve,
    family_headroom,
    headrooms,
    nodes_curves,
    pooled_headrooms,
)
from percpu_fuzz.reports.figures.misplaced import misplaced_rows, misplaced_strata
from percpu_fuzz.reports.numbers import number, plural
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, bars_picture, curves_picture, dkw_curve
from percpu_fuzz.reports.sections.run_words import rule_words
from percpu_fuzz.reports.sections.text_violations import estimate_words
from percpu_fuzz.reports.statistics.intervals import Quantile, clopper_pearson, dkw_half
from percpu_fuzz.reports.statistics.strata import Rate, pooled_ratio

HEADROOM_WORDS = (
    "Spurious failure: an allocation that would fit by the pages it uses, and fails because its precharge does not. "
    "With h pages left below the limit these are the probes with used <= h < precharged. 'Of those that fit' is the "
    "question of somebody whose allocation would have gone through; 'of all' counts every charged probe. Only charged "
    "probes tell: what a real limit refused has no pages used."
)
MISPLACED_WORDS = (
    "Attribution error: bytes that the walk books on another node than the one they lie on, which is possible where an "
    "area straddles pages of different nodes. One probe a case."
)
IN_FLIGHT_WORDS = (
    "Peak precharge in flight: the most pages that all CPUs together had precharged and neither used nor given back, "
    "in each case. memory.current holds them, memory.stat does not."
)


def headroom_section(campaign: Campaign) -> Section:
    """The curve by weight, the same by family, and a table at powers of two."""
    title = "Failures that only the precharge causes"
    if not precharges(campaign):
        return Section("headroom", title, (f"n/a: {campaign.variant} precharges nothing.",))
    found = pooled_headrooms(campaign)
    if not found:
        return Section("headroom", title, (HEADROOM_WORDS, "No probe was charged: no estimate."))
    keys = (("s1", "of those that fit"), ("s2", "of all charged probes"))
    caption = (
        f"{campaign.variant}, n = {plural(found[0].probes, 'probe')}; 95% at each headroom, exact by family, joined; "
        f"{rule_words(campaign)}."
    )
    curves = [headroom_curve("s1", found, fitting=True), headroom_curve("s2", found, fitting=False)]
    picture = curves_picture("Share of failures by headroom", curves, HEADROOM_TITLES, log=True, percent=True)
    figures = [Figure(f"{campaign.variant}, all families by weight", picture, caption, keys)]
    figures += nodes_figures(campaign)
    tables = (nodes_table(campaign), headroom_table(pooled_headrooms(campaign, True)))
    families = [family_headroom_figure(campaign, name) for name in shares(campaign) if joint(campaign, name)]
    part = Section("headroom-families", "The same, family by family", figures=tuple(families), folded=True)
    return Section("headroom", title, (HEADROOM_WORDS,), tuple(figures), tables, parts=(part,))


def nodes_figures(campaign: Campaign) -> list[Figure]:
    """A picture for each class of nodes: allocations that may block and those that must not."""
    by_nodes: dict[tuple[int, int], list[NodesCurve]] = {}
    for curve in nodes_curves(campaign):
        by_nodes.setdefault(curve.nodes, []).append(curve)
    return [nodes_figure(campaign, nodes, curves) for nodes, curves in by_nodes.items()]


def nodes_figure(campaign: Campaign, nodes: tuple[int, int], found: Sequence[NodesCurve]) -> Figure:
    """One class of nodes, ends included; found: its curves, s1 where allocations may block, s2 where they must not."""
    name = f"{nodes_text(nodes)} {'node' if nodes == (1, 1) else 'nodes'}"
    curves = [headroom_curve("s2" if curve.nowait else "s1", curve.rows, fitting=True) for curve in found]
    picture = curves_picture(f"{name}: share of failures by headroom", curves, HEADROOM_TITLES, log=True, percent=True)
    keys = tuple(("s2" if curve.nowait else "s1", FLAGS[curve.nowait]) for curve in found)
    counts = " and ".join(number(curve.probes) for curve in found)
    caption = (
        f"{campaign.variant}, n = {counts} probes, of those that fit; 95% at each headroom, exact by family, joined; "
        f"{rule_words(campaign)}."
    )
    return Figure(name, picture, caption, keys)


FLAGS = ("GFP_KERNEL, may block", "GFP_NOWAIT, must not block")


def nodes_text(nodes: tuple[int, int]) -> str:
    """1, 3-4, 17+."""
    return (
        str(nodes[0]) if nodes[0] == nodes[1] else f"{nodes[0]}{'+' if nodes == NODE_CLASSES[-1] else f'-{nodes[1]}'}"
    )


def nodes_table(campaign: Campaign) -> Table:
    """Share of failures among those that fit, by nodes and by blocking, at a few headrooms."""
    rows = []
    for curve in nodes_curves(campaign, CLASS_PLACES):
        flags = "NOWAIT" if curve.nowait else "KERNEL"
        cells = [rate_words(row.of_fitting) for row in curve.rows]
        rows.append((nodes_text(curve.nodes), flags, number(curve.probes), *cells))
    head = ("nodes", "GFP_", "probes", *(f"{places} left" for places in CLASS_PLACES))
    caption = (
        "Of the probes that fit, the share that fails, by nodes of the machine and by whether the allocation may block "
        "(GFP_KERNEL) or not (GFP_NOWAIT); by weight, [95% interval]; '-': none fits"
    )
    return Table(head, tuple(rows), 2, caption)


HEADROOM_TITLES = ("pages of headroom", "share that fails only because of the precharge")


def joint(campaign: Campaign, family: str) -> Histogram:
    """A family's charged probes by nodes, blocking, pages precharged and pages used, packed into one number."""
    return measured(campaign, family).histogram(PRECHARGE_USED)


def headroom_curve(kind: str, found: Sequence[Headroom], *, fitting: bool) -> Curve:
    """The curve of a share, from the first headroom at which it is known."""
    points = []
    for row in found:
        rate = row.of_fitting if fitting else row.of_all
        if rate is not None:
            points.append((float(row.pages), rate.rate, rate.interval.low or 0.0, rate.interval.high or 0.0))
    return Curve(kind, tuple(points))


def family_headroom_figure(campaign: Campaign, name: str) -> Figure:
    """One family, with exact intervals at each headroom."""
    histogram = joint(campaign, name)
    found = [family_headroom(histogram, pages) for pages in headrooms([histogram])]
    picture = curves_picture(
        f"{name}: share of failures by headroom", [headroom_curve("s1", found, fitting=True)], HEADROOM_TITLES,
        log=True, percent=True,
    )  # fmt: skip
    caption = f"n = {plural(found[0].probes, 'probe')}, of those that fit; 95% Clopper-Pearson; {rule_words(campaign)}."
    return Figure(name, picture, caption)


def headroom_table(found: Sequence[Headroom]) -> Table:
    """Rows at powers of two."""
    rows = [
        (
            number(row.pages),
            number(row.fitting),
            number(row.failing),
            rate_words(row.of_fitting),
            rate_words(row.of_all),
        )
        for row in found
    ]
    head = ("headroom, pages", "fit", "fail all the same", "share of those that fit", "share of all")
    return Table(head, tuple(rows), caption="Counts as run; shares by weight, [95% interval]")


def rate_words(rate: Rate | None) -> str:
    """28% [27%, 30%]; '-' for what is not known."""
    return "-" if rate is None else estimate_words(rate.rate, rate.interval)


def misplaced_section(campaign: Campaign) -> Section:
    """How often, by family; how much, where it happens."""
    title = "Bytes booked on another node"
    pooled = pooled_estimates(campaign).get("misplaced_bytes")
    if pooled is None:
        return Section("misplaced", title, ("Not counted: no estimate.",))
    figures = [misplaced_figure(campaign, pooled)] if pooled.maximum > 0 else []
    tables = (misplaced_table(campaign, pooled), *misplaced_where(campaign))
    return Section("misplaced", title, (MISPLACED_WORDS,), tuple(figures), tables)


WHERE_WORDS = (
    "By size and by where pages fall; share by weight, p99 and most: of the bytes of those that have any; [95% "
    "interval]; '-': too few to bound that end"
)


def misplaced_where(campaign: Campaign) -> tuple[Table, ...]:
    """Share and amount by size class and by placement; nothing where batches did not count them."""
    rows, before = [], ""
    for row in misplaced_rows(campaign):
        p99 = "-"
        if row.p99 is not None:
            ends = ["-" if end is None else number(int(end)) for end in (row.p99.interval.low, row.p99.interval.high)]
            p99 = f"{number(row.p99.value)} [{', '.join(ends)}]"
        cells = (number(row.probes), number(row.amiss), rate_words(row.rate), p99)
        most = "-" if row.maximum is None else number(row.maximum)
        rows.append(("" if row.kind == before else row.kind, row.value, *cells, most))
        before = row.kind
    if not rows:
        return ()
    huge = families_apart(campaign)[0]
    caption = WHERE_WORDS + (f"; without {', '.join(huge)}" if huge else "")
    head = ("", "", "probes", "with bytes amiss", "share", "p99, bytes", "most bytes")
    return (Table(head, tuple(rows), 2, caption),)


def misplaced_table(campaign: Campaign, pooled: Distribution) -> Table:
    """Share of probes with bytes amiss: all by weight, then each family with a probe."""
    strata = misplaced_strata(campaign)
    amiss_cases = sum(amiss for _, _, amiss, _ in strata)
    pooled_cells = (number(pooled.n), number(amiss_cases), rate_words(pooled_ratio(strata)), number(pooled.maximum))
    rows = [("all, by weight", *pooled_cells)]
    for name, (_, _, amiss, right) in zip(shares(campaign), strata, strict=True):
        if amiss + right:
            rate = Rate(amiss / (amiss + right), clopper_pearson(amiss, amiss + right))
            most = max(measured(campaign, name).histogram("misplaced_bytes"))
            rows.append((name, number(amiss + right), number(amiss), rate_words(rate), number(most)))
    head = ("family", "probes", "with bytes amiss", "share", "most bytes")
    return Table(head, tuple(rows), caption="[95% interval], exact by family")


def misplaced_figure(campaign: Campaign, pooled: Distribution) -> Figure:
    """Probes with bytes amiss, by powers of two."""
    counts: dict[int, int] = {}
    for value, k in pooled.histogram.items():
        if value > 0:
            counts[value.bit_length()] = counts.get(value.bit_length(), 0) + k
    bars = [(number(1 << (b - 1)), counts.get(b, 0)) for b in range(min(counts), max(counts) + 1)]
    amiss = sum(counts.values())
    caption = (
        f"{number(amiss)} of n = {plural(pooled.n, 'probe')}, counted as run (intervals of the shares: in the table); "
        f"{rule_words(campaign)}."
    )
    picture = bars_picture(
        "Probes with bytes amiss", bars, "bytes on another node, from ... up to its double", "probes"
    )
    return Figure("How many bytes, where any are", picture, caption)


def in_flight_section(campaign: Campaign) -> Section:
    """Quantiles by weight and by family; the distribution function of each."""
    title = "Precharge in flight"
    pooled = pooled_estimates(campaign).get("in_flight_pages")
    if pooled is None:
        return Section("in-flight", title, ("Not counted, or nothing is precharged: no estimate.",))
    figures = [
        in_flight_figure(campaign, row.name, row.distributions["in_flight_pages"])
        for row in family_estimates(campaign)
        if "in_flight_pages" in row.distributions
    ]
    return Section("in-flight", title, (IN_FLIGHT_WORDS,), tuple(figures), (in_flight_table(campaign, pooled),))


def in_flight_table(campaign: Campaign, pooled: Distribution) -> Table:
    """Quantiles of the peak: all by weight, then each family."""
    rows = [in_flight_row("all, by weight", pooled)]
    for row in family_estimates(campaign):
        found = row.distributions.get("in_flight_pages")
        if found is not None:
            rows.append(in_flight_row(row.name, found))
    head = ("family", "cases", *(f"p{100 * q.q:g}" for q in pooled.quantiles), "max")
    return Table(head, tuple(rows), caption="Pages; [95% interval], exact by family, joined in the first row")


def in_flight_row(name: str, found: Distribution) -> tuple[str, ...]:
    """Name, cases, quantiles with their intervals and the largest peak, in pages."""
    return (name, number(found.n), *(pages_cell(q) for q in found.quantiles), number(found.maximum))


def pages_cell(q: Quantile) -> str:
    """40 [38, 44] in whole pages; '-' for an open end."""
    return f"{number(q.value)} [{_end(q.interval.low)}, {_end(q.interval.high)}]"


def _end(value: float | None) -> str:
    return "-" if value is None else number(int(value))


def in_flight_figure(campaign: Campaign, name: str, found: Distribution) -> Figure:
    """The share of cases whose peak lies at or below each number of pages."""
    curve = dkw_curve(found.histogram, dkw_half(found.n), "s1")
    titles = ("pages in flight at most", "share of cases at or below")
    picture = curves_picture(f"{name}: peak precharge in flight", [curve], titles, percent=True)
    caption = f"n = {plural(found.n, 'case')}; 95% DKW band, all values at once; {rule_words(campaign)}."
    return Figure(name, picture, caption)
