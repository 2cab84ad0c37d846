"""What intervals are measured against: laws of cases whose figures are known, and the normal interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.outcome import PARTS
from percpu_fuzz.reports.statistics.averages import Averages
from percpu_fuzz.reports.statistics.intervals import OPEN, Interval
from percpu_fuzz.reports.statistics.strata import Stratum, weighted_mean

Kind = Sequence[tuple[int, int]]  # (parts, value) of each charged allocation of a case


def averages_of(kinds: Sequence[Kind], numbers: Sequence[int]) -> Averages:
    """The sums over so many cases of each kind, worked out case by case as the definition says."""
    parts: dict[int, int] = {}
    squares: dict[int, int] = {}
    products: dict[int, int] = {}
    value_squares = 0
    for kind, number in zip(kinds, numbers, strict=True):
        all_parts, passed = sum(held for held, _ in kind), 0
        for held, value in sorted(kind, key=lambda one: one[1]) if number else ():
            parts[value] = parts.get(value, 0) + number * held
            squares[value] = squares.get(value, 0) + number * ((passed + held) ** 2 - passed**2)
            products[value] = products.get(value, 0) + number * held * all_parts
            passed += held
        value_squares += number * sum(held * value for held, value in kind) ** 2
    return Averages(parts, squares, products, value_squares)


@dataclass(frozen=True, slots=True)
class Law:
    """A family: its share, the most that a value can be, kinds of cases and their chances."""

    share: float
    most: int
    kinds: Sequence[Kind]
    chances: Sequence[float]

    def drawn(self, rng: Any, cases: int) -> Averages:
        """So many cases."""
        return averages_of(self.kinds, rng.multinomial(cases, self.chances).tolist())

    def below(self, value: int) -> float:
        """E X: the share of a case that is charged and at or below a value."""
        return sum(
            chance * sum(held for held, v in kind if v <= value) / PARTS
            for kind, chance in zip(self.kinds, self.chances, strict=True)
        )

    def total(self) -> float:
        """E Y."""
        return sum(
            chance * sum(held * v for held, v in kind) / PARTS
            for kind, chance in zip(self.kinds, self.chances, strict=True)
        )


# Allocations of a case resemble each other; a family of weight 1/20 has few cases and large values.
CALM = Law(
    0.95, 40,
    (((16, 1), (16, 1), (16, 2), (16, 2)), ((32, 3),), ((64, 5),), ((22, 8), (21, 8), (21, 9)), ((13, 40),), ()),
    (0.3, 0.25, 0.1, 0.02, 0.004, 0.326),
)  # fmt: skip
WILD = Law(0.05, 400, (((32, 20), (32, 22)), ((64, 300),), ((16, 390), (16, 400)), ()), (0.4, 0.2, 0.1, 0.3))
LAWS: Mapping[str, Law] = {"calm": CALM, "wild": WILD}


def true_mean(laws: Sequence[Law] = (CALM, WILD)) -> float:
    """By weight, over charged allocations."""
    return sum(law.share * law.total() for law in laws) / sum(law.share * law.below(law.most) for law in laws)


def true_quantile(q: float, laws: Sequence[Law] = (CALM, WILD)) -> int:
    """By weight."""
    values = sorted({v for law in laws for kind in law.kinds for _, v in kind})
    charged = sum(law.share * law.below(law.most) for law in laws)
    return next(v for v in values if sum(law.share * law.below(v) for law in laws) >= q * charged)


def pooled_mean(strata: Sequence[Stratum]) -> tuple[float, Interval] | None:
    """The mean and its 95% interval, open where weighted_mean gives no error; None without a probe."""
    found = weighted_mean(strata)
    if found is None or found[1] is None:
        return None if found is None else (found[0], OPEN)
    mean, error = found
    return mean, Interval(mean - 1.959964 * error, mean + 1.959964 * error)


def normal_interval(histogram: dict[int, int]) -> Interval:
    """Of one family whose every case has a value."""
    found = pooled_mean([Stratum(1.0, sum(histogram.values()), histogram)])
    assert found is not None
    return found[1]
