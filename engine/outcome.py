"""Outcome: what one batch of cases left, as plain data; the unit that is stored, digested and reported."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec

Histogram = dict[int, int]

MEASUREMENT, HUNTING = "measurement", "hunting"
STREAMS = (MEASUREMENT, HUNTING)
FEATURES_MOST = 1 << 20  # more than there can be pairs of labels


# The histograms of an Outcome: their names, and how several values of a probe are packed into one key. Batches write
# them (strategies/run/outcomes.py), reports read them. Keys are not negative.
PRECHARGE_USED = "precharge_used"  # (group * PAIR + precharge) * PAIR + used; group = nodes * 2 + must not block
PRECHARGE_BASE = (
    "precharge_base"  # precharge * PAIR + pages that the kernel before the series asks for, its stock empty
)
MISPLACED_WHERE = "misplaced_where"  # (place * SIZE_CELLS + size) * AMISS + bytes, of probes with bytes amiss alone

PAIR = 1 << 20  # in "waste_by_<what>": what * PAIR + waste
SIZE_CELLS = 64  # in "cell_<what>": nodes * SIZE_CELLS + ceil(log2(size_bytes))
AMISS = 1 << 40
ROUNDING_PARTS = 16  # "rounding_bytes16" counts sixteenths of a page

PLACES = ("local", "under pressure", "page by page", "spread", "in runs")  # where pages fall, by number (PLACE_*)

# Of every charged allocation of a case, by its value: a case has PARTS parts, dealt out over its allocations that ask
# to be accounted as evenly as whole parts can be (as the probe's pick falls). What the sums over cases of X, of X^2 and
# of D X grow by at a value, with X a case's parts at or below it and D all that lie on charged ones; and, among the
# counts, the sum over cases of Y^2, with Y a case's values times their parts.
PARTS = 64
OF_PARTS, OF_SQUARES, OF_PRODUCTS, OF_VALUE_SQUARES = ".parts", ".squares", ".products", ".value_squares"
EVERY_ALLOCATION = ("waste_pages", "share_percent")  # the histograms of probes that have these beside them


@dataclass(frozen=True, slots=True, order=True)
class Signature:
    """What kind of violation: invariant name ("I1"), variant, label of the step, hazards passed in the case."""

    invariant: str
    variant: str
    label: str
    hazards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One batch. Histograms map an integer value to its number of cases (or of what their name says).

    histograms: "waste_pages", "precharge_pages", "share_percent" (waste of precharge, rounded down),
        "rounding_bytes16" (bytes rounded up per node, in sixteenths of a page), all of probes: one entry a case at
        most; beside them what is said above of every charged allocation.
    counts: "probe.<outcome>" by number of cases, "hazard.H<n>" times passed, "alloc", "free", ...
    violations: cases by signature; first_cases: at most the first two case numbers within the batch of each signature.
    once: features (run.features) that one case of the batch holds, with that case's number; more: features that
        several cases hold, ascending. Of a hunting batch only features that no epoch before it has shown.
    corpus: what was drawn for cases with such new features, as strategies.plan.learning encodes it.
    draw: the number that its cases were drawn by, if that is not k: batches of one seed with equal ones drew the same.
    """

    stream: str
    k: int
    family: str
    cases: int
    steps: int
    ended_early: int = 0
    histograms: dict[str, Histogram] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    violations: dict[Signature, int] = field(default_factory=dict)
    first_cases: dict[Signature, tuple[int, ...]] = field(default_factory=dict)
    once: dict[int, int] = field(default_factory=dict)
    more: tuple[int, ...] = ()
    corpus: tuple[str, ...] = ()
    draw: int | None = None

    def canonical(self) -> bytes:
        """The bytes that a digest covers: sorted, without white space, nothing that depends on time or machine."""
        row: dict[str, Any] = {
            "stream": self.stream,
            "k": self.k,
            "family": self.family,
            "cases": self.cases,
            "steps": self.steps,
            "ended_early": self.ended_early,
            "histograms": {name: sorted(h.items()) for name, h in self.histograms.items()},
            "counts": self.counts,
            "violations": [
                [s.invariant, s.variant, s.label, list(s.hazards), n, list(self.first_cases.get(s, ()))]
                for s, n in sorted(self.violations.items())
            ],
            "once": [sorted(self.once), [self.once[f] for f in sorted(self.once)]],
            "more": f"{sum(1 << feature for feature in self.more):x}",
            "corpus": list(self.corpus),
            **({} if self.draw is None else {"draw": self.draw}),
        }
        return json.dumps(row, sort_keys=True, separators=(",", ":")).encode()

    @staticmethod
    def from_canonical(text: bytes) -> Outcome:
        """The inverse of canonical(). ValueError, which says where, for bytes that are no batch's row."""
        try:
            row = DECODER.decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"a row that is none: {error}") from None
        violations, first = {}, {}
        for invariant, variant, label, hazards, count, cases in row.violations:
            signature = Signature(invariant, variant, label, hazards)
            violations[signature] = count
            first[signature] = cases
        features, by = row.once
        if any(case >= row.cases for cases in (*first.values(), by) for case in cases):
            raise ValueError(f"a row that names a case beyond its {row.cases}")
        return Outcome(
            row.stream, row.k, row.family, row.cases, row.steps, row.ended_early,
            {name: dict(items) for name, items in row.histograms.items()}, row.counts, violations, first,
            dict(zip(features, by, strict=True)), _bits(int(row.more, 16)), row.corpus, row.draw,
        )  # fmt: skip


Whole = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Cell = Annotated[int, msgspec.Meta(ge=0, lt=1 << 40)]  # of a batch: sums of millions of them are below 1 << 63
Feature = Annotated[int, msgspec.Meta(ge=0, lt=FEATURES_MOST)]
Counts = tuple[Count, ...]


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    """A row as canonical() writes it: nothing else is read from a store."""

    stream: Literal["measurement", "hunting"]
    k: Count
    family: str
    cases: Count
    steps: Count
    ended_early: Count
    histograms: dict[str, list[tuple[Whole, Cell]]]
    counts: dict[str, Count]
    violations: list[tuple[str, str, str, Counts, Count, Counts]]
    once: tuple[tuple[Feature, ...], Counts]
    more: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]+$", max_length=FEATURES_MOST // 4)]
    corpus: tuple[str, ...]
    draw: Count | None = None


DECODER = msgspec.json.Decoder(_Row)


def _bits(number: int) -> tuple[int, ...]:
    """The places of the ones, ascending."""
    digits = f"{number:b}"[::-1]
    return tuple(i for i, digit in enumerate(digits) if digit == "1")


def digest(outcomes: Iterable[Outcome]) -> str:
    """SHA-256 (hex) over the canonical bytes of the batches, ordered by stream and number."""
    total = hashlib.sha256()
    for outcome in sorted(outcomes, key=lambda o: (o.stream, o.k)):
        total.update(outcome.canonical())
        total.update(b"\n")
    return total.hexdigest()
