"""What a comparison comes to, in sentences: what succeeds or fails otherwise, and on which machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from percpu_fuzz.reports.numbers import percent
from percpu_fuzz.reports.sections.rate_words import rate_cell
from percpu_fuzz.reports.statistics.strata import pooled_rate

BETWEEN = " | "
RARE = 0.001  # of measured cases: what no version shows as often stands in the files alone
FAMILIES_MOST = 3


def strata(row: Mapping[str, Any], seen: Mapping[str, int]) -> list[tuple[float, int, int]]:
    """(share, cases, cases that show it) of each family."""
    weights = row["weights"]
    total = sum(weights.values())
    return [(weights[name] / total, row["measured"].get(name, 0), seen.get(name, 0)) for name in weights]


def is_rare(row: Mapping[str, Any], differences: Iterable[Mapping[str, Any]]) -> bool:
    """Whether each of these, one kind on several versions, was seen in fewer than RARE of the measured cases."""
    rates = [pooled_rate(strata(row, difference["measured"])) for difference in differences]
    return all(rate is None or rate.rate is None or rate.rate < RARE for rate in rates)


def lead_words(row: Mapping[str, Any], variant: str) -> str:
    """What a user of a variant loses and gains who comes from the base. A case counts under one operation at most."""
    found = [d for d in row["differences"] if d["variant"] == variant and BETWEEN in d["kind"]]
    lost = seen_in(d for d in found if succeeds(d["kind"]) == (True, False))
    won = seen_in(d for d in found if succeeds(d["kind"]) == (False, True))
    words = [
        f"{variant}: {share_of(row, lost)} of measured cases have an operation that succeeds on {row['base']} and "
        f"fails here, {share_of(row, won)} one that fails there and succeeds here."
    ]
    if where := most_of(row, lost):
        words.append(f"What fails here does so most often on machines of the families {where}.")
    return " ".join(words)


def succeeds(kind: str) -> tuple[bool, bool]:
    """Whether the operation of a kind succeeds on the base, and here."""
    base, _, here = kind.partition(": ")[2].partition(BETWEEN)
    return base.startswith("succeeds"), here.startswith("succeeds")


def seen_in(differences: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Measured cases by family that show any of these; no case shows two."""
    cases: Counter[str] = Counter()
    for difference in differences:
        cases.update(difference["measured"])
    return cases


def share_of(row: Mapping[str, Any], seen: Mapping[str, int]) -> str:
    """By the families' weights, with its interval; none of so many."""
    return rate_cell(pooled_rate(strata(row, seen))) if any(seen.values()) else "none"


def most_of(row: Mapping[str, Any], seen: Mapping[str, int]) -> str:
    """The families with the largest shares, and these."""
    shares = {name: seen[name] / row["measured"][name] for name in seen if seen[name]}
    names: Sequence[str] = sorted(shares, key=lambda name: (-shares[name], name))[:FAMILIES_MOST]
    return ", ".join(f"{name} ({percent(shares[name], 1)})" for name in names)
