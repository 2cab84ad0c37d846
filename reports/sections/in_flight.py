"""Precharge in flight as a section: the peak of each case, by weight and by family."""

from __future__ import annotations

from percpu_fuzz.reports.figures.estimates import Distribution
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import plural
from percpu_fuzz.reports.quantities import IN_FLIGHT
from percpu_fuzz.reports.render.page import Figure, Section
from percpu_fuzz.reports.render.pictures import curves_picture, dkw_curve
from percpu_fuzz.reports.sections.estimate_tables import families_table
from percpu_fuzz.reports.sections.run_words import rule_words
from percpu_fuzz.reports.statistics.intervals import dkw_half

IN_FLIGHT_WORDS = (
    "Peak precharge in flight: the most pages that all CPUs together had precharged and neither used nor given back, "
    "in each case. memory.current holds them, memory.stat does not."
)


def in_flight_section(figures: Figures) -> Section:
    """Quantiles by weight and by family; the distribution function of each."""
    title, pooled = "Precharge in flight", figures.pooled.get(IN_FLIGHT.histogram)
    if pooled is None:
        return Section("in-flight", title, ("Not counted: no estimate.",))
    counted = [row for row in figures.family_estimates if IN_FLIGHT.histogram in row.distributions]
    drawn = tuple(in_flight_figure(figures, row.name, row.distributions[IN_FLIGHT.histogram]) for row in counted)
    rule = rule_words(figures.campaign)
    caption = f"Pages; 95% intervals, exact by family, joined in the first row; {rule}."
    table = families_table(IN_FLIGHT, caption, counted, pooled, "cases")
    return Section("in-flight", title, (IN_FLIGHT_WORDS,), drawn, (table,))


def in_flight_figure(figures: Figures, name: str, found: Distribution) -> Figure:
    """The share of cases whose peak lies at or below each number of pages."""
    curve = dkw_curve(found.histogram, dkw_half(found.n), "s1")
    titles = ("pages in flight at most", "share of cases at or below")
    picture = curves_picture(f"{name}: peak precharge in flight", [curve], titles, percent=True)
    rule = rule_words(figures.campaign)
    return Figure(name, picture, f"n = {plural(found.n, 'case')}; 95% DKW band, all values at once; {rule}.")
