"""Attribution error: probes of which the walk booked bytes on another node than the one they lie on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.outcome import AMISS, MISPLACED_WHERE, Histogram
from percpu_fuzz.reports.figures.by_stratum import TRAITS, Trait, by_class
from percpu_fuzz.reports.figures.families import Family, apart
from percpu_fuzz.reports.quantities import MISPLACED
from percpu_fuzz.reports.statistics.intervals import Quantile
from percpu_fuzz.reports.statistics.strata import Rate, Stratum, pooled_quantile, pooled_ratio
from percpu_fuzz.reports.value_types import Count

TAIL_QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class StratumMisplaced:
    """Probes of one size class or placement: how many have bytes amiss, at which rate by weight, and how many bytes.

    p99_bytes, max_bytes: of the bytes of those that have any; None where none has.
    """

    kind: str
    value: str
    probes: Count
    with_bytes_amiss: Count
    weighted: Rate | None
    p99_bytes: Quantile | None
    max_bytes: Count | None


@dataclass(frozen=True, slots=True)
class Misplaced:
    """All families: probes, those with bytes amiss, and their rate by weight.

    strata: every size class and placement with a probe; none where batches did not count where bytes were amiss.
    Machines of many nodes are left out there, as in reports.figures.by_stratum.
    """

    probes: Count
    with_bytes_amiss: Count
    weighted: Rate | None
    strata: tuple[StratumMisplaced, ...]


def misplaced(families: Sequence[Family]) -> Misplaced | None:
    """From what families counted; None without a probe."""
    rows = [(family.share, family.cases, *amiss_and_right(family)) for family in families]
    amiss, right = sum(row[2] for row in rows), sum(row[3] for row in rows)
    if amiss + right == 0:
        return None
    kept = sum(sum(family.histogram(MISPLACED_WHERE).values()) for family in families)
    huge, others = apart(families)
    strata = [
        row
        for trait in TRAITS if trait.amiss is not None and kept == amiss
        for row in _rows(trait, trait.amiss, others if huge else families)
    ]  # fmt: skip
    return Misplaced(amiss + right, amiss, pooled_ratio(rows), tuple(strata))


def amiss_and_right(family: Family) -> tuple[int, int]:
    """A family's probes with bytes on another node, and those without."""
    found = family.histogram(MISPLACED.histogram)
    return sum(found.values()) - found.get(0, 0), found.get(0, 0)


def _rows(trait: Trait, class_of: Callable[[int], int], families: Sequence[Family]) -> list[StratumMisplaced]:
    probes = {family.name: by_class(family.histogram(trait.histogram)) for family in families}
    amiss = {family.name: _by(class_of, family.histogram(MISPLACED_WHERE)) for family in families}
    rows = []
    for value in sorted({value for found in probes.values() for value in found}):
        strata, counts = [], []
        for family in families:
            held = amiss[family.name].get(value, {})
            all_, bad = sum(probes[family.name].get(value, {}).values()), sum(held.values())
            strata.append(Stratum(family.share, family.cases, held))
            counts.append((family.share, family.cases, bad, all_ - bad))
        most = max((max(s.histogram) for s in strata if s.histogram), default=None)
        rows.append(
            StratumMisplaced(
                trait.name, trait.text(value), sum(bad + right for _, _, bad, right in counts),
                sum(bad for _, _, bad, _ in counts), pooled_ratio(counts), pooled_quantile(strata, TAIL_QUANTILE), most,
            )
        )  # fmt: skip
    return rows


def _by(class_of: Callable[[int], int], histogram: Histogram) -> dict[int, Histogram]:
    """Bytes amiss by class."""
    found: dict[int, Histogram] = {}
    for key, number in histogram.items():
        part = found.setdefault(class_of(key // AMISS), {})
        part[key % AMISS] = part.get(key % AMISS, 0) + number
    return found
