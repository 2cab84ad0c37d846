"""Evidence: what the certificate needs beside the campaign's sums, folded from outcomes one batch at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from percpu_fuzz.engine.outcome import HUNTING, MEASUREMENT, Outcome

PCT_COUNT = "pct.depth."  # a hunting batch under PCT(d) counts its cases as "pct.depth.<d>"


@dataclass(slots=True)
class PctRuns:
    """Hunting cases of one family under PCT of one depth; violating: at most so many of them broke an invariant."""

    cases: int = 0
    violating: int = 0


@dataclass(slots=True)
class Features:
    """Features of the batches that kept theirs, in batch order.

    holder: by feature the one case (k, case) that held it, None where several did.
    found: for each batch its cases, and at most how many of them held a feature that no case before them held.
    """

    holder: dict[int, tuple[int, int] | None] = field(default_factory=dict)
    found: list[tuple[int, int]] = field(default_factory=list)

    def add(self, k: int, cases: int, once: Mapping[int, int], more: tuple[int, ...]) -> None:
        """once: case by feature that one case of the batch held; more: features that several did.

        A feature is first found by one case. Which, is known for `once`; each new one of `more` may have its own.
        """
        finders = {case for feature, case in once.items() if feature not in self.holder}
        new = sum(feature not in self.holder for feature in more)
        self.found.append((cases, min(cases, len(finders) + new)))
        for feature, case in once.items():
            self.holder[feature] = None if feature in self.holder else (k, case)
        self.holder.update(dict.fromkeys(more))

    @property
    def cases(self) -> int:
        """Cases whose features were kept."""
        return sum(cases for cases, _ in self.found)

    @property
    def lone_cases(self) -> int:
        """Cases that held a feature seen in no other case."""
        return len({place for place in self.holder.values() if place is not None})


@dataclass(frozen=True, slots=True)
class BatchWaste:
    """Cases of a measurement batch and the pages that their probes wasted."""

    cases: int
    pages: int

    @property
    def mean(self) -> float:
        """Pages wasted per case."""
        return self.pages / self.cases


@dataclass(slots=True)
class Evidence:
    """pct: by family and depth, hunting stream; features: measurement stream; waste: by family and Outcome.draw, which
    is the batch's number where cases were drawn by that.
    """

    pct: dict[tuple[str, int], PctRuns] = field(default_factory=dict)
    features: Features = field(default_factory=Features)
    waste: dict[str, dict[int, BatchWaste]] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Fold one batch; batches of a stream come in order."""
        if outcome.stream == MEASUREMENT and outcome.counts.get("feature_cases"):
            self.features.add(outcome.k, outcome.counts["feature_cases"], outcome.once, outcome.more)
        if outcome.stream == MEASUREMENT and outcome.cases and "waste_pages" in outcome.histograms:
            pages = sum(value * number for value, number in outcome.histograms["waste_pages"].items())
            draw = outcome.k if outcome.draw is None else outcome.draw
            self.waste.setdefault(outcome.family, {})[draw] = BatchWaste(outcome.cases, pages)
        for name, cases in outcome.counts.items():
            if outcome.stream == HUNTING and name.startswith(PCT_COUNT):
                runs = self.pct.setdefault((outcome.family, int(name.removeprefix(PCT_COUNT))), PctRuns())
                runs.cases += cases
                runs.violating += min(cases, sum(outcome.violations.values()))
