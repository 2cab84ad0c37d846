"""The one-line object of --json, and report.json: the same with intervals, families, hazards and findings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.by_stratum import Row, strata_rows
from percpu_fuzz.reports.figures.cells import cells
from percpu_fuzz.reports.figures.certificate import certificate
from percpu_fuzz.reports.figures.discovery import discovery
from percpu_fuzz.reports.figures.estimates import (
    QUANTILES,
    Distribution,
    InvariantEstimate,
    Reading,
    family_estimates,
    invariant_estimates,
    pooled_estimates,
    precharges,
)
from percpu_fuzz.reports.figures.headroom import CLASS_PLACES, Headroom, NodesCurve, nodes_curves, pooled_headrooms
from percpu_fuzz.reports.figures.misplaced import Row as MisplacedRow
from percpu_fuzz.reports.figures.misplaced import misplaced_rows, misplaced_strata
from percpu_fuzz.reports.lanes import stored_lines
from percpu_fuzz.reports.render.lanes import lanes_text
from percpu_fuzz.reports.statistics.intervals import LEVEL, Interval, moments, rank_of, value_at_rank
from percpu_fuzz.reports.statistics.strata import Rate, pooled_ratio

SCHEMA = 1


def contract(campaign: Campaign, exit_status: int) -> dict[str, Any]:
    """The object that `run --json` prints as its last line.

    waste: histogram counts probes as they were run, mean and quantiles are those of this histogram (a quantile is the
    smallest value with a cumulative share of at least p); "weighted" has both with each family at its weight, which is
    what the reports print. All are empty or null for a variant that precharges nothing.
    """
    return _contract(campaign, exit_status, pooled_estimates(campaign).get("waste_pages"))


def _contract(campaign: Campaign, exit_status: int, waste: Distribution | None) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "variant": campaign.variant,
        "seed": campaign.seed,
        "cases": sum(campaign.cases(stream) for stream in STREAMS),
        "steps": campaign.steps,
        "seconds": campaign.seconds,
        "digest": campaign.digest,
        "streams": {stream: {"cases": campaign.cases(stream)} for stream in STREAMS},
        "violations": [
            {"invariant": row.name, "count": row.cases, "finding": _file(row)}
            for row in invariant_estimates(campaign)
            if row.cases
        ],
        "waste": {"pages": _waste(waste)},
        "interrupted": campaign.interrupted,
        "exit": exit_status,
    }


def _file(row: InvariantEstimate) -> str | None:
    """The finding's file, relative to the output folder."""
    return None if row.finding is None else str(row.finding["file"])


def _waste(waste: Distribution | None) -> dict[str, Any]:
    if waste is None:
        nothing: dict[str, Any] = {"mean": None, "quantiles": {str(q): None for q in QUANTILES}}
        return {"histogram": {}, **nothing, "weighted": nothing}
    n = sum(waste.histogram.values())
    return {
        "histogram": _histogram(waste.histogram),
        "mean": moments(waste.histogram)[1],
        "quantiles": {str(q): value_at_rank(waste.histogram, rank_of(n, q)) for q in QUANTILES},
        "weighted": {"mean": waste.mean, "quantiles": {str(q.q): q.value for q in waste.quantiles}},
    }


def report_json(campaign: Campaign, exit_status: int | None = None) -> dict[str, Any]:
    """What report.json holds: the contract's object and everything that the text report is made of.

    Without an exit status the campaign's own: 1 if an invariant was violated or a batch could not be run, else 0.
    """
    if exit_status is None:
        exit_status = int(bool(campaign.failed) or any(campaign.signatures[stream] for stream in STREAMS))
    pooled = pooled_estimates(campaign)
    return _contract(campaign, exit_status, pooled.get("waste_pages")) | {
        "level": LEVEL,
        "configuration": dict(campaign.describe),
        "command": campaign.command,
        "out": campaign.out,
        "workers": campaign.workers,
        "compile_seconds": campaign.compile_seconds,
        "stopping": {
            "by": campaign.stopped_by,
            "budget_cases": campaign.budget_cases,
            "budget_seconds": campaign.budget_seconds,
            "stop": campaign.stop,
        },
        "precharges": precharges(campaign),
        "pooled": {name: _distribution(found) for name, found in pooled.items()},
        "families": _families(campaign),
        "invariants": [_invariant(row) for row in invariant_estimates(campaign)],
        "signatures": _signatures(campaign),
        "counts": {stream: _counts(campaign, stream) for stream in STREAMS},
        "headroom": [_headroom(row) for row in pooled_headrooms(campaign, True)],
        "headroom_by_nodes": [_nodes_curve(curve) for curve in nodes_curves(campaign, CLASS_PLACES)],
        "misplaced": _misplaced(campaign),
        "cells": _cells(campaign),
        "strata": [_stratum(row) for row in strata_rows(campaign)],
        "discovery": _discovery(campaign),
        "certificate": _certificate(campaign),
        "failed": [dict(row) for row in campaign.failed],
        "findings": [_finding(row) for row in campaign.findings],
        "shrunk": None if campaign.shrunk is None else list(campaign.shrunk),
        "operations": [dict(row) for row in campaign.operations],
    }


def _finding(row: Mapping[str, Any]) -> dict[str, Any]:
    """As stored, but for the steps, which stand as text."""
    lines = stored_lines(row)
    told = {name: value for name, value in row.items() if name != "steps"}
    return told | {"lanes": lanes_text(lines)} if lines else told


def _stratum(row: Row) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "value": row.value,
        "probes": row.probes,
        "mean": row.mean,
        "mean_interval": _interval(row.mean_interval),
        "quantiles": {str(q.q): {"value": q.value, "interval": _interval(q.interval)} for q in row.quantiles},
    }


def dumps(content: Mapping[str, Any]) -> str:
    """Canonical JSON on one line: sorted keys, ASCII; equal content gives equal bytes."""
    return json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)


def _histogram(histogram: Mapping[int, int]) -> dict[str, int]:
    return {str(value): number for value, number in histogram.items()}


def _interval(interval: Interval) -> list[float | None]:
    return [interval.low, interval.high]


def _distribution(found: Distribution) -> dict[str, Any]:
    return {
        "histogram": _histogram(found.histogram),
        "n": found.n,
        "mean": found.mean,
        "mean_interval": _interval(found.mean_interval),
        "quantiles": {str(q.q): {"value": q.value, "interval": _interval(q.interval)} for q in found.quantiles},
        "max": found.maximum,
        "share_above_max_at_most": found.exceeding,
    }


def _families(campaign: Campaign) -> list[dict[str, Any]]:
    return [
        {
            "name": row.name,
            "weight": row.weight,
            "share": row.share,
            "cases": row.cases,
            "probes_charged": row.probes,
            "distributions": {name: _distribution(found) for name, found in row.distributions.items()},
        }
        for row in family_estimates(campaign)
    ]


def _rate(rate: Rate | None) -> dict[str, Any] | None:
    return None if rate is None else {"rate": rate.rate, "interval": _interval(rate.interval)}


def _headroom(row: Headroom) -> dict[str, Any]:
    """Failures that only the precharge causes, all families by weight, with so many pages of headroom."""
    return {
        "pages": row.pages,
        "probes": row.probes,
        "fitting": row.fitting,
        "failing": row.failing,
        "of_fitting": _rate(row.of_fitting),
        "of_all": _rate(row.of_all),
    }


def _nodes_curve(curve: NodesCurve) -> dict[str, Any]:
    """The same for machines of so many nodes, and allocations that must not block (nowait) or may."""
    rows = [_headroom(row) for row in curve.rows]
    return {"nodes": list(curve.nodes), "nowait": curve.nowait, "probes": curve.probes, "headroom": rows}


def _misplaced(campaign: Campaign) -> dict[str, Any] | None:
    """Probes with bytes booked on another node than the one they lie on; the rate is by weight."""
    strata = misplaced_strata(campaign)
    amiss, right = sum(row[2] for row in strata), sum(row[3] for row in strata)
    if not precharges(campaign) or amiss + right == 0:
        return None
    return {
        "probes": amiss + right,
        "with_bytes_amiss": amiss,
        "weighted": _rate(pooled_ratio(strata)),
        "strata": [_misplaced_row(row) for row in misplaced_rows(campaign)],
    }


def _misplaced_row(row: MisplacedRow) -> dict[str, Any]:
    """By size or placement; p99 and max are of the bytes of probes that have any amiss."""
    p99 = None if row.p99 is None else {"value": row.p99.value, "interval": _interval(row.p99.interval)}
    return {
        "kind": row.kind,
        "value": row.value,
        "probes": row.probes,
        "with_bytes_amiss": row.amiss,
        "weighted": _rate(row.rate),
        "p99_bytes": p99,
        "max_bytes": row.maximum,
    }


def _cells(campaign: Campaign) -> list[dict[str, Any]]:
    """Mean waste by nodes and size, by weight."""
    return [
        {
            "nodes": list(c.nodes),
            "size_bytes_max": 1 << c.size,
            "probes": c.probes,
            "mean_waste_pages": c.mean_pages,
            "interval": _interval(c.interval),
        }
        for c in cells(campaign)
    ]


def _discovery(campaign: Campaign) -> dict[str, Any]:
    """Distinct signatures of the hunting stream, and how many new ones one more case is expected to show."""
    found = discovery(campaign)
    return {
        "cases": found.cases,
        "distinct": found.distinct,
        "seen_once": found.once,
        "seen_twice": found.twice,
        "points": [list(point) for point in found.points],
        "risk": found.risk,
        "risk_interval": _interval(found.interval),
    }


def _certificate(campaign: Campaign) -> dict[str, Any]:
    """Every number of the certificate beside what it was computed from; names as in reports.figures.certificate."""
    made = asdict(certificate(campaign))
    return made | {
        "pct": [{**row, "families": list(row["families"])} for row in made["pct"]],
        "not_run": [{"depth": depth, "families": list(names)} for depth, names in made["not_run"]],
        "scopes": list(made["scopes"]),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {"k": reading.k, "n": reading.n, "interval": _interval(reading.interval), "upper_bound": reading.bound}


def _invariant(row: InvariantEstimate) -> dict[str, Any]:
    first = None if row.first is None else {"stream": row.first[0], "k": row.first[1].k, "case": row.first[1].case}
    return {
        "invariant": row.name,
        "applicable": row.applicable,
        "cases": row.cases,
        "hunting_cases": row.hunted,
        "measurement": _reading(row.left_out),
        "measurement_unknown_as_violating": None if row.as_violating is None else _reading(row.as_violating),
        "weighted": _rate(row.weighted),
        "weighted_upper_bound": row.weighted_bound,
        "first": first,
        "finding": _file(row),
    }


def _signatures(campaign: Campaign) -> list[dict[str, Any]]:
    return [
        {
            "invariant": signature.invariant, "variant": signature.variant, "label": signature.label,
            "hazards": list(signature.hazards), "stream": stream,
            "cases": seen.cases, "k": seen.k, "case": seen.case,
        }
        for stream in STREAMS
        for signature, seen in sorted(campaign.signatures[stream].items())
    ]  # fmt: skip


def _counts(campaign: Campaign, stream: str) -> dict[str, int]:
    names = sorted({name for sums in campaign.families(stream) for name in sums.counts})
    return {name: campaign.count(stream, name) for name in names} | {
        "ended_early": campaign.ended_early(stream),
        "unknown_cases": campaign.unknown(stream),
    }
