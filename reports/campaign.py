"""Campaign: what every renderer is given, folded from stored outcomes one batch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from percpu_fuzz.engine.outcome import MEASUREMENT, STREAMS, Histogram, Outcome, Signature
from percpu_fuzz.reports.evidence import Evidence

UNKNOWN_FAMILY = "unknown"  # the family of a batch that killed its workers


@dataclass(frozen=True, slots=True)
class Seen:
    """Cases of one signature in one stream, and the first of them: number `case` of batch k."""

    cases: int
    k: int
    case: int


@dataclass(slots=True)
class Sums:
    """Sums over the batches of one family in one stream; names as in engine.outcome.Outcome.

    violations: cases by signature. Unknown batches have a family of their own, and no sums but cases.
    """

    batches: int = 0
    cases: int = 0
    steps: int = 0
    ended_early: int = 0
    histograms: dict[str, Counter[int]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    violations: Counter[Signature] = field(default_factory=Counter)

    def add(self, other: Outcome | Sums) -> None:
        """Take in a batch, or the sums of several."""
        self.batches += other.batches if isinstance(other, Sums) else 1
        self.cases += other.cases
        self.steps += other.steps
        self.ended_early += other.ended_early
        self.counts.update(other.counts)
        self.violations.update(other.violations)
        for name, histogram in other.histograms.items():
            self.histograms.setdefault(name, Counter()).update(histogram)

    def histogram(self, name: str) -> Histogram:
        """Cases by value, values ascending; empty if none was counted."""
        return dict(sorted(self.histograms.get(name, {}).items()))

    def violating(self, invariant: str) -> int:
        """Cases that violated an invariant: a case records each invariant once."""
        return sum(n for signature, n in self.violations.items() if signature.invariant == invariant)


@dataclass(slots=True)
class MeasuredParts:
    """The measurement stream as its first `pilot` batches and those after them, by family.

    Once there are as many batches again, so that each family has one, estimates use only those after the pilot; before
    that only the pilot. Which of both depends on the number of batches alone, not on what they show.
    """

    pilot: int
    batches: int = 0
    first: dict[str, Sums] = field(default_factory=dict)
    later: dict[str, Sums] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Take in a measurement batch."""
        self.batches += 1
        part = self.first if outcome.k < self.pilot else self.later
        part.setdefault(outcome.family, Sums()).add(outcome)

    def estimated(self) -> dict[str, Sums]:
        """What estimates use."""
        return self.later if self.batches >= 2 * self.pilot else self.first

    def whole(self) -> dict[str, Sums]:
        """Both together."""
        if not self.first or not self.later:
            return self.first or self.later
        total: dict[str, Sums] = {}
        for part in (self.first, self.later):
            for name, sums in part.items():
                total.setdefault(name, Sums()).add(sums)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known of a run beside its outcomes; a store may lack any of it but the description.

    describe: the plan's options: "variant", "seed", "families" (name -> weight) and whatever else it names.
    findings: rows of fuzz.findings.pick; operations: rows {nodes, cpus, variant, alloc_ops, free_ops}.
    stranding: rows {variant, nodes, headroom, granted}: of a row of allocations, how many succeed.
    unreached: a row {cases, places, excused, never}: what a sample of cases never reaches of the modelled kernel.
    stopped_by: "cases", "time", "criterion" or "interrupt"; budget_cases and budget_seconds: what was asked for.
    out: the directory as the user knows it; command: the line that repeats the run.
    failed: batches that could not be run: "stream", "k", "case" (or None), "cases", "tries" (what each try said).
    stop: the criterion that was to end the campaign. shrunk: how many of how many picked cases were shrunk, None if
    that was not recorded. began: the day of the first session, YYYY-MM-DD; version: of this tool, then; own_files:
    digest (SHA-256) of each file of the user's whose code was run, by what was typed. here: of the machine that it ran
    on, a sample of its waste: nodes, cpus, page_size, assumed, cases, histograms, counts; or why not: `unknown`.
    """

    describe: Mapping[str, Any]
    digest: str = ""
    seconds: float = 0.0
    compile_seconds: float = 0.0
    interrupted: bool = False
    stopped_by: str = "not recorded"
    workers: int = 0
    out: str = ""
    command: str = ""
    findings: Sequence[Mapping[str, Any]] = ()
    operations: Sequence[Mapping[str, Any]] = ()
    stranding: Sequence[Mapping[str, Any]] = ()
    unreached: Sequence[Mapping[str, Any]] = ()
    budget_cases: int | None = None
    budget_seconds: float | None = None
    failed: Sequence[Mapping[str, Any]] = ()
    stop: str | None = None
    shrunk: Sequence[int] | None = None
    began: str = ""
    version: str = ""
    own_files: Mapping[str, str] = field(default_factory=dict)
    here: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign(RunFacts):
    """A campaign's stored records, summed. Equal campaigns render to equal bytes; nothing here is drawn or timed anew.

    streams: by stream, by family, the sums; signatures: by stream, what was seen of each signature.
    discoveries: by stream, (cases, distinct signatures seen in them) after each batch that showed a new one.
    evidence: what the certificate needs besides. estimated: by family, the sums of those measurement batches that
    estimates by family and by weight use; all of them, but where a pilot decided how many cases a family gets.
    """

    streams: Mapping[str, Mapping[str, Sums]]
    signatures: Mapping[str, Mapping[Signature, Seen]]
    discoveries: Mapping[str, Sequence[tuple[int, int]]]
    evidence: Evidence
    estimated: Mapping[str, Sums]

    @property
    def pilot(self) -> int:
        """So many measurement batches decided how many cases each family gets; 0 for none."""
        return int(self.describe.get("pilot", 0))

    @property
    def waste_only(self) -> bool:
        """Whether nothing but wasted precharge was asked for: no case was checked."""
        return bool(self.describe.get("waste only", False))

    @property
    def variant(self) -> str:
        """Name of the accounting that was run."""
        return str(self.describe["variant"])

    @property
    def seed(self) -> int:
        """Seed that all draws follow from."""
        return int(self.describe["seed"])

    @property
    def weights(self) -> dict[str, int]:
        """Weight of each family of the measurement stream, in the plan's order."""
        return dict(self.describe["families"])

    def families(self, stream: str) -> list[Sums]:
        """Sums of a stream by family."""
        return list(self.streams[stream].values())

    def cases(self, stream: str) -> int:
        """Cases of a stream, those of unknown batches included."""
        return sum(sums.cases for sums in self.families(stream))

    def unknown(self, stream: str) -> int:
        """Cases of batches that killed their workers."""
        sums = self.streams[stream].get(UNKNOWN_FAMILY)
        return 0 if sums is None else sums.cases

    @property
    def steps(self) -> int:
        """Engine steps of both streams."""
        return sum(sums.steps for stream in STREAMS for sums in self.families(stream))

    def count(self, stream: str, name: str) -> int:
        """A named count of a stream, as in Outcome.counts."""
        return sum(sums.counts[name] for sums in self.families(stream))

    def ended_early(self, stream: str) -> int:
        """Cases of a stream that a fatal state ended."""
        return sum(sums.ended_early for sums in self.families(stream))

    def violating(self, stream: str, invariant: str) -> int:
        """Cases of a stream that violated an invariant."""
        return sum(sums.violating(invariant) for sums in self.families(stream))

    def first(self, invariant: str) -> tuple[str, Seen] | None:
        """Stream and place of an invariant's first violating case: lowest k, then measurement, then lowest case."""
        places = [
            (stream, seen)
            for stream in STREAMS
            for signature, seen in self.signatures[stream].items()
            if signature.invariant == invariant
        ]
        return min(places, key=lambda p: (p[1].k, STREAMS.index(p[0]), p[1].case), default=None)

    def finding(self, invariant: str) -> Mapping[str, Any] | None:
        """The first finding for an invariant, best one shrunk to its end, else the first whose case breaks it too.

        Its "file" is relative to `out`. None: no finding shows it. What the case breaks is not kept in early stores:
        then it is the first of whose cases one did.
        """
        ranked = [row for row in self.findings if invariant in row.get("breaks", _invariants(row))]
        return min(ranked, key=lambda row: (row["invariant"] != invariant, bool(row.get("cut_short"))), default=None)


def gather(outcomes: Iterable[Outcome], facts: RunFacts) -> Campaign:
    """Fold outcomes, one at a time and in batch order, into a Campaign.

    KeyError if the description lacks variant, seed or families.
    """
    for name in ("variant", "seed", "families"):
        facts.describe[name]
    streams: dict[str, dict[str, Sums]] = {stream: {} for stream in STREAMS}
    signatures: dict[str, dict[Signature, Seen]] = {stream: {} for stream in STREAMS}
    discoveries: dict[str, list[tuple[int, int]]] = {stream: [] for stream in STREAMS}
    cases, evidence, parts = dict.fromkeys(STREAMS, 0), Evidence(), MeasuredParts(int(facts.describe.get("pilot", 0)))
    for outcome in outcomes:
        evidence.add(outcome)
        seen = signatures[outcome.stream]
        before = len(seen)
        if outcome.stream == MEASUREMENT:
            parts.add(outcome)
        else:
            streams[outcome.stream].setdefault(outcome.family, Sums()).add(outcome)
        _see(seen, outcome)
        cases[outcome.stream] += outcome.cases
        if len(seen) > before:
            discoveries[outcome.stream].append((cases[outcome.stream], len(seen)))
    streams[MEASUREMENT] = parts.whole()
    return Campaign(
        **{field.name: getattr(facts, field.name) for field in fields(RunFacts)},
        streams={stream: dict(sorted(sums.items())) for stream, sums in streams.items()},
        signatures=signatures, discoveries=discoveries, evidence=evidence,
        estimated=dict(sorted(parts.estimated().items())),
    )  # fmt: skip


def _see(seen: dict[Signature, Seen], outcome: Outcome) -> None:
    for signature, cases in outcome.violations.items():
        place = (outcome.k, min(outcome.first_cases.get(signature, (0,))))
        before = seen.get(signature)
        if before is None:
            seen[signature] = Seen(cases, *place)
        else:
            seen[signature] = Seen(before.cases + cases, *min(place, (before.k, before.case)))


def _invariants(row: Mapping[str, Any]) -> Sequence[str]:
    """What the cases of a finding broke; a finding that was not shrunk names its own only."""
    return tuple(row["invariants"]) if "invariants" in row else (str(row["invariant"]),)
