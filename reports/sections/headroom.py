"""Failures that only the precharge causes, as a section: by headroom, and by nodes and blocking."""

from __future__ import annotations

from collections.abc import Sequence

from percpu_fuzz.engine.histograms import PRECHARGE_USED
from percpu_fuzz.reports.figures.families import Family, range_text
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.headroom import CLASS_PLACES, Headroom, NodesCurve, curve_places, family_headroom
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
HEADROOM_TITLES = ("pages of headroom", "share that fails only because of the precharge")
FLAGS = ("GFP_KERNEL, may block", "GFP_NOWAIT, must not block")


def headroom_section(figures: Figures) -> Section:
    """The curve by weight, the same by family, and a table at powers of two."""
    title, variant = "Failures that only the precharge causes", figures.campaign.variant
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
    tables = (headroom_table(figures), nodes_table(figures.headroom_by_nodes))
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
