"""Tables of distributions: a row a statistic for all families by weight, and a row a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from percpu_fuzz.reports.figures.estimates import QUANTILES, Distribution, FamilyEstimate
from percpu_fuzz.reports.numbers import number
from percpu_fuzz.reports.quantities import Quantity
from percpu_fuzz.reports.render.page import Table

POOLED_NAME = "all, by weight"


def quantile_name(q: float) -> str:
    """p50, p99.9."""
    return f"p{100 * q:g}"


def statistics_rows(
    found: Mapping[str, Distribution], quantities: Sequence[Quantity], mark: str = "",
    qs: Sequence[float] = QUANTILES, *, largest: bool = True,
) -> list[tuple[str, ...]]:  # fmt: skip
    """Mean, quantiles and, if wanted, the largest; a column a quantity, mark after the rows' names."""
    columns = [(q, found[q.histogram]) for q in quantities]
    rows = [(f"mean{mark}", *(q.mean_words(d.mean, d.mean_interval) for q, d in columns))]
    rows += [(f"{quantile_name(at)}{mark}", *(q.quantile_words(d.quantiles[at]) for q, d in columns)) for at in qs]
    return [*rows, *([("max", *(q.value_words(d.max) for q, d in columns))] if largest else [])]


def families_table(
    quantity: Quantity, caption: str, families: Sequence[FamilyEstimate], pooled: Distribution | None = None,
    of: str = "probes",
) -> Table:  # fmt: skip
    """Mean, quantiles and the largest, a row a family in which it was counted, all by weight before them if given.

    of: what was counted.
    """
    found = [(row.name, row.distributions.get(quantity.histogram)) for row in families]
    rows = [(name, *distribution_cells(quantity, one)) for name, one in [(POOLED_NAME, pooled), *found] if one]
    return Table(("family", of, "mean", *map(quantile_name, QUANTILES), "max"), tuple(rows), caption=caption)


def distribution_cells(quantity: Quantity, found: Distribution) -> tuple[str, ...]:
    """Number, mean, quantiles and the largest."""
    quantiles = (quantity.quantile_words(found.quantiles[q]) for q in QUANTILES)
    mean = quantity.mean_words(found.mean, found.mean_interval)
    return (number(found.n), mean, *quantiles, quantity.value_words(found.max))
