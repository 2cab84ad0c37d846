"""Wasted precharge in the text report: all families by weight, then each family with its histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.campaign import MEASUREMENT, Campaign
from reports.estimates import Distribution, FamilyEstimate, precharges
from reports.layout import bars, figure, heading, number, paragraph, plural, table, upper_percent, weight
from reports.statistics import Quantile

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


def waste_section(campaign: Campaign, pooled: Mapping[str, Distribution], empty: Sequence[str]) -> list[str]:
    """All families, by weight."""
    lines = heading("Wasted precharge, all families by weight")
    if not precharges(campaign):
        return [*lines, f"n/a: {campaign.variant} precharges nothing."]
    lines += paragraph(WASTE_WORDS)
    if "waste_pages" not in pooled:
        return [*lines, "", "No probe was charged: no estimate."]
    lines += ["", *distribution_table(pooled), ""]
    words = (
        f"n = {number(pooled['waste_pages'].n)} probes. Each family counts by its weight, not by its number of cases. "
        "The intervals hold at least 95% whatever the distributions are (exact intervals of each family, joined by "
        "Bonferroni); the mean's is a normal approximation, '-' while a family has fewer than 30 cases or a few cases "
        "decide it."
    )
    if empty:
        words += (
            f" No case yet: {', '.join(empty)}: estimates speak of the other families only, intervals leave these open."
        )
    if campaign.unknown(MEASUREMENT):
        words += f" Not in these figures: {plural(campaign.unknown(MEASUREMENT), 'case')} of unknown batches."
    return [*lines, *paragraph(words)]


def families_section(campaign: Campaign, families: Sequence[FamilyEstimate]) -> list[str]:
    """Each family: table and histogram."""
    if not precharges(campaign):
        return []
    lines = heading("Wasted precharge, family by family")
    lines += paragraph(
        "Quantiles with exact distribution-free intervals (order statistics), means with Student's (approximate)."
    )
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


def distribution_table(found: Mapping[str, Distribution]) -> list[str]:
    """One column a quantity, one row each for mean, quantiles and the largest."""
    shown = [(name, words) for name, words in COLUMNS if name in found]
    rows = [["", *(words for _, words in shown)]]
    rows.append(["mean", *(mean_cell(name, found[name]) for name, _ in shown)])
    for i, q in enumerate(found[shown[0][0]].quantiles):
        label = f"p{100 * q.q:g}"
        rows.append([label, *(quantile_cell(name, found[name].quantiles[i]) for name, _ in shown)])
    rows.append(["max", *(value_words(name, found[name].maximum) for name, _ in shown)])
    return table(rows)


def value_words(name: str, value: float | None) -> str:
    """A value in its unit."""
    if value is None:
        return "-"
    return figure(value / 16) if name == "rounding_bytes16" else number(int(value))


def quantile_cell(name: str, q: Quantile) -> str:
    low, high = value_words(name, q.interval.low), value_words(name, q.interval.high)
    return f"{value_words(name, q.value)} [{low}, {high}]"


def mean_cell(name: str, found: Distribution) -> str:
    scale = 16 if name == "rounding_bytes16" else 1
    ends = [None if end is None else end / scale for end in (found.mean_interval.low, found.mean_interval.high)]
    return f"{figure(found.mean / scale)} [{figure(ends[0])}, {figure(ends[1])}]"
