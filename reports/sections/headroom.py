"""Failures that only the precharge causes, as a section: by headroom, and by nodes and blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from percpu_fuzz.engine.outcome import PRECHARGE_USED
from percpu_fuzz.reports.figures.families import Family, range_text
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.headroom import (
    CLASS_PLACES,
    AgainstBase,
    Headroom,
    NodesCurve,
    curve_places,
    family_headroom,
)
from percpu_fuzz.reports.numbers import number, plural
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, curves_picture
from percpu_fuzz.reports.sections.rate_words import rate_cell
from percpu_fuzz.reports.sections.run_words import rule_words

HEADROOM_WORDS = (
    "Spurious failure: an allocation that would fit by the pages it uses, and fails because its precharge does not. "
    "With h pages left below the limit these are the probes with used <= h < precharged. 'Of those that fit' is the "
    "question of somebody whose allocation would have gone through; 'of all' counts every charged probe. Only charged "
    "probes tell: what a real limit refused has no pages used."
)
BY_NODES_WORDS = (
    "Of the probes that fit, the share that fails, by nodes of the machine and by whether the allocation may block "
    "(GFP_KERNEL) or not (GFP_NOWAIT); by weight, [95% interval]; '-': none fits"
)
BASE_WORDS = (
    "Fails here where the kernel before the series succeeds, with so many pages left below the limit and nothing "
    "stocked for this version. That kernel asks for the pages of an area's bytes, and serves those that ask for at "
    "most the headroom; if its byte stock holds the bytes, it asks for none and serves all."
)
STRANDED_WORDS = (
    "Stranding: of 120 allocations of 8 bytes in a row, in a cgroup with so many pages left below its limit, on 4 CPUs "
    "and as many nodes as the row says, how many succeed on base | on {variant}. What is stocked by the first is out "
    "of reach for the next if that asks for more; counted, not estimated."
)
HEADROOM_TITLES = ("pages of headroom", "share that fails only because of the precharge")
FLAGS = ("GFP_KERNEL, may block", "GFP_NOWAIT, must not block")


def headroom_section(figures: Figures) -> Section:
    """The curve by weight, the same by family, and a table at powers of two."""
    campaign = figures.campaign
    title, variant = "Failures that only the precharge causes", campaign.variant
    found = figures.headroom_curve
    if not found:
        return Section("headroom", title, (HEADROOM_WORDS, "No probe was charged: no estimate."))
    keys = (("s1", "of those that fit"), ("s2", "of all charged probes"))
    caption = f"{variant}, n = {plural(found[0].probes, 'probe')}; {pooled_words(figures)}"
    curves = [headroom_picture_curve("s1", found), headroom_picture_curve("s2", found, fitting=False)]
    picture = curves_picture("Share of failures by headroom", curves, HEADROOM_TITLES, log=True, percent=True)
    drawn = [Figure(f"{variant}, all families by weight", picture, caption, keys), *nodes_figures(figures)]
    families = tuple(family_headroom_figure(figures, f) for f in figures.families if f.histogram(PRECHARGE_USED))
    part = Section("headroom-families", "The same, family by family", figures=families, folded=True)
    tables = (
        headroom_table(figures),
        *base_tables(figures.against_base),
        *stranding_tables(campaign.stranding, campaign.variant),
        nodes_table(figures.headroom_by_nodes),
    )
    return Section("headroom", title, (HEADROOM_WORDS,), tuple(drawn), tables, parts=(part,))


def pooled_words(figures: Figures) -> str:
    """What a band of all families is, and what ended the run."""
    return f"95% at each headroom, exact by family, joined; {rule_words(figures.campaign)}."


def nodes_figures(figures: Figures) -> list[Figure]:
    """A picture for each class of nodes: allocations that may block and those that must not."""
    by_nodes: dict[tuple[int, int], list[NodesCurve]] = {}
    for curve in figures.nodes_curves:
        by_nodes.setdefault(curve.nodes, []).append(curve)
    return [nodes_figure(figures, nodes, curves) for nodes, curves in by_nodes.items()]


def nodes_figure(figures: Figures, nodes: tuple[int, int], found: Sequence[NodesCurve]) -> Figure:
    """One class of nodes, ends included; found: its curves, s1 where allocations may block, s2 where they must not."""
    name = f"{range_text(nodes)} {'node' if nodes == (1, 1) else 'nodes'}"
    curves = [headroom_picture_curve("s2" if curve.nowait else "s1", curve.headroom) for curve in found]
    picture = curves_picture(f"{name}: share of failures by headroom", curves, HEADROOM_TITLES, log=True, percent=True)
    keys = tuple(("s2" if curve.nowait else "s1", FLAGS[curve.nowait]) for curve in found)
    counts = " and ".join(number(curve.probes) for curve in found)
    caption = f"{figures.campaign.variant}, n = {counts} probes, of those that fit; {pooled_words(figures)}"
    return Figure(name, picture, caption, keys)


def headroom_table(figures: Figures) -> Table:
    """Rows at powers of two."""
    rows = [
        (number(row.pages), number(row.fitting), number(row.failing), rate_cell(row.of_fitting), rate_cell(row.of_all))
        for row in figures.headroom
    ]
    head = ("headroom, pages", "fit", "fail all the same", "share of those that fit", "share of all")
    n = plural(figures.headroom[0].probes, "probe")
    return Table(head, tuple(rows), caption=f"n = {n}; counts as run; shares by weight: {pooled_words(figures)}")


def base_tables(found: Sequence[AgainstBase]) -> list[Table]:
    """The reader's question: what is refused here that was served before; none for a store that has not counted it."""
    rows = [
        (
            number(row.pages), number(row.stock_empty.fitting), number(row.stock_empty.failing),
            rate_cell(row.stock_empty.of_fitting), rate_cell(row.stock_holds.of_fitting),
        )
        for row in found
    ]  # fmt: skip
    head = ("headroom, pages", "base serves", "fail here", "share, base's stock empty", "share, base's stock holds it")
    return [Table(head, tuple(rows), caption=BASE_WORDS)] if rows else []


def stranding_tables(rows: Sequence[Mapping[str, Any]], variant: str) -> list[Table]:
    """Allocations that succeed of a row of them, by nodes and headroom; none where nothing was counted."""
    granted = {(row["variant"] == variant, row["nodes"], row["headroom"]): row["granted"] for row in rows}
    places = sorted({row["headroom"] for row in rows})
    lines = [
        (str(nodes), *(f"{granted.get((False, nodes, h), '-')} | {granted.get((True, nodes, h), '-')}" for h in places))
        for nodes in sorted({row["nodes"] for row in rows})
    ]
    head = ("nodes", *(f"{h} left" for h in places))
    return [Table(head, tuple(lines), caption=STRANDED_WORDS.format(variant=variant))] if lines else []


def nodes_table(curves: Sequence[NodesCurve]) -> Table:
    """Share of failures among those that fit, by nodes and by blocking, at a few headrooms."""
    rows = []
    for curve in curves:
        flags = "NOWAIT" if curve.nowait else "KERNEL"
        cells = [rate_cell(row.of_fitting) for row in curve.headroom]
        rows.append((range_text(curve.nodes), flags, number(curve.probes), *cells))
    head = ("nodes", "GFP_", "probes", *(f"{places} left" for places in CLASS_PLACES))
    return Table(head, tuple(rows), 2, BY_NODES_WORDS)


def headroom_picture_curve(kind: str, found: Sequence[Headroom], *, fitting: bool = True) -> Curve:
    """The curve of a share, from the first headroom at which it is known."""
    points = []
    for row in found:
        rate = row.of_fitting if fitting else row.of_all
        if rate is not None:
            points.append((float(row.pages), rate.rate, rate.interval.low or 0.0, rate.interval.high or 0.0))
    return Curve(kind, tuple(points))


def family_headroom_figure(figures: Figures, family: Family) -> Figure:
    """One family, with exact intervals at each headroom."""
    histogram = family.histogram(PRECHARGE_USED)
    found = [family_headroom(histogram, pages) for pages in curve_places([histogram])]
    title, curve = f"{family.name}: share of failures by headroom", headroom_picture_curve("s1", found)
    picture = curves_picture(title, [curve], HEADROOM_TITLES, log=True, percent=True)
    n, rule = plural(found[0].probes, "probe"), rule_words(figures.campaign)
    return Figure(family.name, picture, f"n = {n}, of those that fit; 95% Clopper-Pearson; {rule}.")
