"""Wasted precharge in the text report: all families by weight, then each family with its histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import (
    Distribution,
    FamilyEstimate,
    families_apart,
    families_without_cases,
    measured,
    pooled_estimates,
    precharges,
    shares,
)
from percpu_fuzz.reports.figures.limits import HUGE_NODES
from percpu_fuzz.reports.figures.once import once
from percpu_fuzz.reports.numbers import bars, figure, heading, number, paragraph, plural, table, upper_percent, weight
from percpu_fuzz.reports.statistics.intervals import Quantile

COLUMNS = (
    ("waste_pages", "pages wasted"),
    ("share_percent", "% of precharge"),
    ("rounding_bytes16", "rounding, pages"),
)
WASTE_WORDS = (
    "Wasted precharge: pages precharged less pages used, of one probe allocation a case, marked beforehand and "
    "counted if it was charged; its share of the precharge is cut to whole percent. Rounding: of the pages used, what "
    "is not filled with the allocation's bytes, because each node rounds up; in pages, cut to sixteenths. Before "
    "[low, high] stands the estimate; '-': too few cases to bound that end."
)


FAMILY_WORDS = (
    "Quantiles with exact distribution-free intervals (order statistics), means with empirical Bernstein intervals; "
    "both hold at least 95% whatever the distribution is. What few probes leave open ends at the most that the "
    "precharge formula allows."
)
APART_ROWS = (None, 0.5, 0.99)  # the mean and quantiles that are also shown without machines of many nodes


def waste_section(campaign: Campaign, pooled: Mapping[str, Distribution]) -> list[str]:
    """All families, by weight."""
    lines = heading("Wasted precharge, all families by weight")
    if not precharges(campaign):
        return [*lines, f"n/a: {campaign.variant} precharges nothing."]
    lines += paragraph(WASTE_WORDS)
    if "waste_pages" not in pooled:
        return [*lines, "", "No probe was charged: no estimate."]
    lines += ["", *table([head_of(pooled), *distribution_rows(pooled), *apart_rows(campaign)]), ""]
    return [*lines, *paragraph(f"n = {number(pooled['waste_pages'].n)} probes. {interval_words(campaign, pooled)}")]


def interval_words(campaign: Campaign, pooled: Mapping[str, Distribution]) -> str:
    """What the intervals of pooled figures stand for, and what is missing in them."""
    words = (
        "Each family counts by its weight, not by its number of cases. The intervals hold at least 95% whatever the "
        "distributions are. Quantiles: exact intervals of each family, joined by Bonferroni; means: Bernstein's "
        "inequality over all families; a family too small for either counts by the range that the precharge formula "
        "and its machines leave."
    )
    words += apart_words(campaign, pooled["waste_pages"])
    empty = families_without_cases(campaign)
    if empty:
        words += (
            f" No case yet: {', '.join(empty)}: estimates speak of the other families only, intervals leave these open."
        )
    if campaign.unknown(MEASUREMENT):
        words += f" Not in these figures: {plural(campaign.unknown(MEASUREMENT), 'case')} of unknown batches."
    return words


def apart_words(campaign: Campaign, pooled: Distribution) -> str:
    """How much of the mean comes from the families on machines of many nodes; nothing where there are none."""
    huge, _ = families_apart(campaign)
    if not huge:
        return ""
    parts = {name: measured(campaign, name) for name in campaign.weights if measured(campaign, name).cases}
    weights = shares(campaign)
    charged = sum(weights[name] * sums.counts["probe.charged"] / sums.cases for name, sums in parts.items())
    own = sum(
        weights[name] * sum(value * k for value, k in parts[name].histogram("waste_pages").items()) / parts[name].cases
        for name in huge
        if name in parts
    )
    cases = sum(parts[name].cases for name in huge if name in parts)
    return (
        f" {', '.join(huge)} (machines of more than {HUGE_NODES} nodes): weight "
        f"{weight(sum(weights[name] for name in huge))}, {plural(cases, 'case')}, and {figure(own / charged)} of the "
        f"mean's {figure(pooled.mean)} wasted pages; it makes the intervals of means and of the last quantiles wide. "
        f"Rows marked * leave it out."
    )


@once
def apart_rows(campaign: Campaign) -> list[list[str]]:
    """Mean and some quantiles of the families on machines of at most HUGE_NODES nodes, where there are others too."""
    _, others = families_apart(campaign)
    found = pooled_estimates(campaign, others) if others else {}
    if "waste_pages" not in found:
        return []
    return distribution_rows(found, "*", APART_ROWS)


def families_section(campaign: Campaign, families: Sequence[FamilyEstimate]) -> list[str]:
    """Each family: table and histogram."""
    if not precharges(campaign):
        return []
    lines = heading("Wasted precharge, family by family")
    lines += paragraph(FAMILY_WORDS)
    for family in families:
        head = f"{family.name}: weight {weight(family.share)}, {number(family.cases)} cases"
        lines += ["", *paragraph(f"{head}, {number(family.probes)} probes charged")]
        waste = family.distributions.get("waste_pages")
        if waste is None:
            lines.append("  no estimate")
            continue
        lines += distribution_table(family.distributions)
        lines.append(f"  above the largest: at most {upper_percent(waste.exceeding)} of probes")
        lines += bars(waste.histogram, "pages wasted", "    ")
    return lines


def shown_columns(found: Mapping[str, Distribution]) -> list[tuple[str, str]]:
    """(quantity, words of its column) for those of COLUMNS that have a distribution."""
    return [(name, words) for name, words in COLUMNS if name in found]


def head_of(found: Mapping[str, Distribution]) -> list[str]:
    """The table's head: an empty cell above the rows' names, then the quantities shown."""
    return ["", *(words for _, words in shown_columns(found))]


def distribution_rows(
    found: Mapping[str, Distribution], mark: str = "", only: Sequence[float | None] | None = None
) -> list[list[str]]:
    """One row each for mean (None in `only`), quantiles and, without `only`, the largest; a column a quantity."""
    names = [name for name, _ in shown_columns(found)]
    rows = []
    if only is None or None in only:
        rows.append([f"mean{mark}", *(mean_cell(name, found[name]) for name in names)])
    for i, q in enumerate(found[names[0]].quantiles):
        if only is None or q.q in only:
            rows.append([f"p{100 * q.q:g}{mark}", *(quantile_cell(name, found[name].quantiles[i]) for name in names)])
    if only is None:
        rows.append(["max", *(value_words(name, found[name].maximum) for name in names)])
    return rows


def distribution_table(found: Mapping[str, Distribution]) -> list[str]:
    """The rows with their head."""
    return table([head_of(found), *distribution_rows(found)])


def value_words(name: str, value: float | None) -> str:
    """A value in its unit."""
    if value is None:
        return "-"
    return figure(value / 16) if name == "rounding_bytes16" else number(int(value))


def quantile_cell(name: str, q: Quantile) -> str:
    """A quantile and its interval in the quantity's unit (value_words); '-' for an open end."""
    low, high = value_words(name, q.interval.low), value_words(name, q.interval.high)
    return f"{value_words(name, q.value)} [{low}, {high}]"


def mean_cell(name: str, found: Distribution) -> str:
    """A mean and its interval, '-' for an open end; rounding is stored in sixteenths of a page, shown in pages."""
    scale = 16 if name == "rounding_bytes16" else 1
    ends = [None if end is None else end / scale for end in (found.mean_interval.low, found.mean_interval.high)]
    return f"{figure(found.mean / scale)} [{figure(ends[0])}, {figure(ends[1])}]"
