"""Attribution error: probes of which the walk booked bytes on another node than the one they lie on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from percpu_fuzz.engine.histograms import AMISS, MISPLACED_WHERE, PLACES, SIZE_CELLS
from percpu_fuzz.engine.outcome import Histogram
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.by_stratum import by_class
from percpu_fuzz.reports.figures.cells import size_text
from percpu_fuzz.reports.figures.estimates import families_apart, measured, precharges, shares
from percpu_fuzz.reports.statistics.intervals import Quantile
from percpu_fuzz.reports.statistics.strata import Rate, Stratum, pooled_quantile, pooled_ratio

SHOWN = 0.99


@dataclass(frozen=True, slots=True)
class Row:
    """Probes of one size class or placement: how many have bytes amiss, at which rate by weight, and how many bytes.

    p99, maximum: of the bytes of those that have any; None where none has.
    """

    kind: str
    value: str
    probes: int
    amiss: int
    rate: Rate | None
    p99: Quantile | None
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Kind:
    """name: for a person; probes: the histogram whose keys begin with the class; class_of: of a place and size."""

    name: str
    probes: str
    class_of: Callable[[int], int]
    text: Callable[[int], str]


KINDS = (
    Kind("size, up to", "waste_by_size", lambda key: key % SIZE_CELLS, size_text),
    Kind(
        "pages fall", "waste_by_place", lambda key: key // SIZE_CELLS,
        lambda place: PLACES[place] if place < len(PLACES) else str(place),
    ),
)  # fmt: skip


def misplaced_strata(campaign: Campaign) -> list[tuple[float, int, int, int]]:
    """(share, cases, probes with bytes on another node, probes without), a row a family."""
    rows = []
    for name, share in shares(campaign).items():
        found = measured(campaign, name).histogram("misplaced_bytes")
        rows.append((share, measured(campaign, name).cases, sum(found.values()) - found.get(0, 0), found.get(0, 0)))
    return rows


def misplaced_rows(campaign: Campaign) -> list[Row]:
    """Every size class and placement with a probe; none where batches did not count where bytes were amiss.

    Machines of many nodes are left out, as in reports.figures.by_stratum.
    """
    huge, _ = families_apart(campaign)
    names = [name for name in campaign.weights if name not in huge]
    kept = sum(sum(measured(campaign, name).histogram(MISPLACED_WHERE).values()) for name in campaign.weights)
    if not precharges(campaign) or kept != sum(amiss for _, _, amiss, _ in misplaced_strata(campaign)):
        return []
    return [row for kind in KINDS for row in _rows(campaign, kind, names)]


def _rows(campaign: Campaign, kind: Kind, names: list[str]) -> list[Row]:
    probes = {name: by_class(measured(campaign, name).histogram(kind.probes)) for name in names}
    amiss = {name: _by(kind, measured(campaign, name).histogram(MISPLACED_WHERE)) for name in names}
    rows = []
    for value in sorted({value for found in probes.values() for value in found}):
        strata, counts = [], []
        for name in names:
            share, cases = shares(campaign)[name], measured(campaign, name).cases
            held = amiss[name].get(value, {})
            all_, bad = sum(probes[name].get(value, {}).values()), sum(held.values())
            strata.append(Stratum(share, cases, held))
            counts.append((share, cases, bad, all_ - bad))
        most = max((max(s.histogram) for s in strata if s.histogram), default=None)
        rows.append(
            Row(
                kind.name, kind.text(value), sum(bad + right for _, _, bad, right in counts),
                sum(bad for _, _, bad, _ in counts), pooled_ratio(counts), pooled_quantile(strata, SHOWN), most,
            )
        )  # fmt: skip
    return rows


def _by(kind: Kind, histogram: Histogram) -> dict[int, Histogram]:
    """Bytes amiss by class."""
    found: dict[int, Histogram] = {}
    for key, number in histogram.items():
        part = found.setdefault(kind.class_of(key // AMISS), {})
        part[key % AMISS] = part.get(key % AMISS, 0) + number
    return found
