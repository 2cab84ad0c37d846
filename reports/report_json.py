"""The one-line object of --json, and report.json: the same with intervals, families, hazards and findings.

Both are the figures' dataclasses as msgspec turns them into JSON; a field's name is a member's name. Rows that a store
holds as it was given them (findings, operations, batches that failed) are passed on, and described here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, TypedDict, cast

from msgspec import Meta, field, to_builtins

from percpu_fuzz.engine.outcome import MEASUREMENT, STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.by_stratum import StratumWaste
from percpu_fuzz.reports.figures.cells import Cell
from percpu_fuzz.reports.figures.certificate import Certificate
from percpu_fuzz.reports.figures.discovery import Discovery
from percpu_fuzz.reports.figures.estimates import (
    EACH_QUANTILE,
    QUANTILES,
    Distribution,
    FamilyEstimate,
    HereWaste,
    Sampled,
)
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.figures.headroom import AgainstBase, Headroom, NodesCurve
from percpu_fuzz.reports.figures.misplaced import Misplaced
from percpu_fuzz.reports.figures.rates import InvariantEstimate
from percpu_fuzz.reports.identity import MESSAGE_ID, RECORDED, SERIES_NAME, SERIES_VERSION, TREE
from percpu_fuzz.reports.lanes import stored_lines
from percpu_fuzz.reports.quantities import WASTE
from percpu_fuzz.reports.render.lanes import lanes_text
from percpu_fuzz.reports.statistics.intervals import LEVEL, moments, rank_of, value_at_rank
from percpu_fuzz.reports.stored_rows import FailedBatch, FindingFacts, OperationRow, StrandingRow, UnreachedRow
from percpu_fuzz.reports.value_types import EACH_STREAM, Count, Counts, InvariantName, Share, Stream

Values = Annotated[dict[float, int | None], EACH_QUANTILE]


class Configuration(TypedDict):
    """The plan's options."""

    variant: str
    seed: Count
    families: dict[str, Any]


class FindingRow(FindingFacts):
    """A finding; file: relative to the campaign's folder."""

    lanes: list[str] = field(default_factory=list)


EXTENDED = (Configuration, FindingRow, OperationRow)  # other commands may add to these


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that was violated, in so many cases of both streams."""

    invariant: InvariantName
    count: Count
    finding: str | None


@dataclass(frozen=True, slots=True)
class WeightedWaste:
    """Mean and quantiles with each family at its weight, as reports print them; null where nothing was charged."""

    mean: float | None
    quantiles: Values


@dataclass(frozen=True, slots=True)
class WastedPages:
    """histogram: probes as they were run, and its own mean and quantiles (the smallest value with F >= q)."""

    histogram: Counts
    mean: float | None
    quantiles: Values
    weighted: WeightedWaste


@dataclass(frozen=True, slots=True)
class Waste:
    """Wasted precharge; empty for a variant that precharges nothing."""

    pages: WastedPages


@dataclass(frozen=True, slots=True)
class StreamCases:
    """Cases of a stream."""

    cases: Count


@dataclass(frozen=True, slots=True)
class Stopping:
    """What ended the run, and what was asked for."""

    by: str
    budget_cases: Count | None
    budget_seconds: float | None
    stop: str | None


@dataclass(frozen=True, slots=True)
class SignatureCases:
    """Cases of a signature in a stream, and the first of them."""

    invariant: str
    variant: str
    label: str
    hazards: tuple[Count, ...]
    stream: Stream
    cases: Count
    k: Count
    case: Count


@dataclass(frozen=True, slots=True)
class Contract:
    """What `run --json` prints as its last line."""

    schema: Literal[1]
    variant: str
    seed: Count
    cases: Count
    steps: Count
    seconds: float
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    streams: Annotated[dict[str, StreamCases], EACH_STREAM]
    violations: list[Violation]
    waste: Waste
    interrupted: bool
    exit: Annotated[int, Meta(ge=0, le=4)]


@dataclass(frozen=True, slots=True)
class Identity:
    """What the figures are of: a model of a patch series, read from a tree; recorded: kernels it is compared with.

    version and began: of this tool, and the day of the first session; own_files: SHA-256 of the user's files that ran.
    """

    series: str
    series_version: str
    message_id: str
    tree: str
    recorded: tuple[str, ...]
    version: str
    began: str
    own_files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Report(Contract):
    """report.json of percpu-fuzz."""

    identity: Identity
    level: Share
    configuration: Configuration
    command: str
    out: str
    workers: Count
    compile_seconds: float
    stopping: Stopping
    precharges: bool
    here: HereWaste | None
    pooled: dict[str, Distribution]
    families: list[FamilyEstimate]
    invariants: list[InvariantEstimate]
    signatures: list[SignatureCases]
    counts: Annotated[dict[str, dict[str, Count]], EACH_STREAM]
    headroom: list[Headroom]
    headroom_by_nodes: list[NodesCurve]
    against_base: list[AgainstBase]
    stranding: list[StrandingRow]
    unreached: list[UnreachedRow]
    misplaced: Misplaced | None
    cells: list[Cell]
    strata: list[StratumWaste]
    discovery: Discovery
    certificate: Certificate
    failed: list[FailedBatch]
    findings: list[FindingRow]
    shrunk: tuple[Count, Count] | None
    operations: list[OperationRow]


FROM_FIGURES = (
    "precharges", "here", "pooled", "invariants", "headroom", "headroom_by_nodes", "against_base", "misplaced", "cells",
    "strata", "discovery", "certificate",
)  # fmt: skip


def contract(figures: Figures, exit_status: int) -> dict[str, Any]:
    """The object that `run --json` prints as its last line."""
    if figures.campaign.waste_only:
        return sampled_json(figures, exit_status)
    return cast(dict[str, Any], to_builtins(contract_of(figures, exit_status), str_keys=True))


def report_json(figures: Figures, exit_status: int | None = None) -> dict[str, Any]:
    """What report.json holds: the contract's object and everything that the page is made of.

    Without an exit status the campaign's own: 1 if an invariant was violated or a batch could not be run, else 0.
    """
    if exit_status is None:
        campaign = figures.campaign
        exit_status = int(bool(campaign.failed) or any(campaign.signatures[stream] for stream in STREAMS))
    if figures.campaign.waste_only:
        return sampled_json(figures, exit_status)
    return cast(dict[str, Any], to_builtins(report_of(figures, exit_status), str_keys=True))


def contract_of(figures: Figures, exit_status: int) -> Contract:
    """The contract's figures."""
    campaign = figures.campaign
    return Contract(
        1, campaign.variant, campaign.seed, sum(campaign.cases(stream) for stream in STREAMS),
        campaign.steps, campaign.seconds, campaign.digest,
        {stream: StreamCases(campaign.cases(stream)) for stream in STREAMS},
        [Violation(row.invariant, row.cases, row.finding) for row in figures.invariants if row.cases],
        Waste(wasted_pages(figures.pooled.get(WASTE.histogram))), campaign.interrupted, exit_status,
    )  # fmt: skip


def wasted_pages(waste: Distribution | None) -> WastedPages:
    """Of the probes as run, and by weight."""
    if waste is None:
        nothing: dict[float, int | None] = dict.fromkeys(QUANTILES)
        return WastedPages({}, None, nothing, WeightedWaste(None, nothing))
    histogram, n = waste.histogram, sum(waste.histogram.values())
    return WastedPages(
        histogram, moments(histogram)[1], {q: value_at_rank(histogram, rank_of(n, q)) for q in QUANTILES},
        WeightedWaste(waste.mean, {q: found.value for q, found in waste.quantiles.items()}),
    )  # fmt: skip


def report_of(figures: Figures, exit_status: int) -> Report:
    """The whole report."""
    campaign, made = figures.campaign, contract_of(figures, exit_status)
    return Report(
        **{one.name: getattr(made, one.name) for one in fields(Contract)},
        **{name: getattr(figures, name) for name in FROM_FIGURES},
        identity=Identity(
            SERIES_NAME, SERIES_VERSION, MESSAGE_ID, TREE, RECORDED, campaign.version, campaign.began,
            dict(campaign.own_files),
        ),
        level=LEVEL, configuration=cast(Configuration, dict(campaign.describe)), command=campaign.command,
        out=campaign.out, workers=campaign.workers, compile_seconds=campaign.compile_seconds,
        stopping=Stopping(campaign.stopped_by, campaign.budget_cases, campaign.budget_seconds, campaign.stop),
        families=figures.family_estimates, signatures=signatures(campaign),
        counts={stream: counts(campaign, stream) for stream in STREAMS},
        failed=[cast(FailedBatch, dict(row)) for row in campaign.failed],
        findings=[told(row) for row in campaign.findings],
        shrunk=None if campaign.shrunk is None else (campaign.shrunk[0], campaign.shrunk[1]),
        stranding=[cast(StrandingRow, dict(row)) for row in campaign.stranding],
        unreached=[cast(UnreachedRow, dict(row)) for row in campaign.unreached],
        operations=[cast(OperationRow, dict(row)) for row in campaign.operations],
    )  # fmt: skip


def told(row: Mapping[str, Any]) -> FindingRow:
    """As stored, but for the steps, which stand as text."""
    kept = {name: value for name, value in row.items() if name != "steps"}
    lines = stored_lines(row)
    return cast(FindingRow, kept | {"lanes": lanes_text(lines) if lines else []})


def signatures(campaign: Campaign) -> list[SignatureCases]:
    """Every signature of each stream."""
    return [
        SignatureCases(s.invariant, s.variant, s.label, tuple(s.hazards), stream, seen.cases, seen.k, seen.case)
        for stream in STREAMS
        for s, seen in sorted(campaign.signatures[stream].items())
    ]


def counts(campaign: Campaign, stream: str) -> dict[str, int]:
    """Everything that was counted of a stream, by name."""
    names = sorted({name for sums in campaign.families(stream) for name in sums.counts})
    return {name: campaign.count(stream, name) for name in names} | {
        "ended_early": campaign.ended_early(stream),
        "unknown_cases": campaign.unknown(stream),
    }


def dumps(content: Mapping[str, Any]) -> str:
    """Canonical JSON on one line: sorted keys, ASCII; equal content gives equal bytes."""
    return json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)


# Of a campaign that sampled wasted precharge alone: nothing in it is of checks.
@dataclass(frozen=True, slots=True)
class SampledReport:
    """checked: that nothing was. waste: by weight first, then each family; quantiles by q up to 0.9999."""

    schema: Literal[1]
    checked: Literal[False]
    variant: str
    seed: Count
    cases: Count
    steps: Count
    seconds: float
    digest: str
    level: Share
    waste: list[Sampled]
    configuration: Mapping[str, Any]
    command: str
    workers: Count
    interrupted: bool
    exit: Count


def sampled_json(figures: Figures, exit_status: int) -> dict[str, Any]:
    """As it is written."""
    campaign = figures.campaign
    made = SampledReport(
        1, False, campaign.variant, campaign.seed, campaign.cases(MEASUREMENT), campaign.steps, campaign.seconds,
        campaign.digest, LEVEL, figures.sampled, dict(campaign.describe), campaign.command, campaign.workers,
        campaign.interrupted, exit_status,
    )  # fmt: skip
    return cast(dict[str, Any], to_builtins(made, str_keys=True))
