"""The JSON Schema of report.json (draft 2020-12), as data; docs/report.schema.json is its published copy."""

from __future__ import annotations

import json
from typing import Any

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.figures.estimates import QUANTILES
from percpu_fuzz.reports.report_json import SCHEMA

Json = dict[str, Any]

COUNT: Json = {"type": "integer", "minimum": 0}
TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}


def maybe(schema: Json) -> Json:
    """The schema, or null: not known."""
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Json, **more: Any) -> Json:
    """A list of such items; more: further keywords, as minItems and maxItems."""
    return {"type": "array", "items": items, **more}


def record(properties: Json, optional: tuple[str, ...] = (), *, open_: bool = False) -> Json:
    """An object with these members, all required but the optional ones; others only if open."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": open_}


INTERVAL: Json = array(maybe(NUMBER), minItems=2, maxItems=2)
RATE: Json = record({"rate": SHARE, "interval": INTERVAL})
HISTOGRAM: Json = {"type": "object", "propertyNames": {"pattern": "^-?[0-9]+$"}, "additionalProperties": COUNT}
PLACE: Json = record({"stream": {"enum": list(STREAMS)}, "k": COUNT, "case": COUNT})


def distribution() -> Json:
    """Figures of one quantity: a histogram by value, quantiles by their q as text, the share above max as a bound."""
    quantile = record({"value": {"type": "integer"}, "interval": INTERVAL})
    return record(
        {
            "histogram": HISTOGRAM,
            "n": COUNT,
            "mean": NUMBER,
            "mean_interval": INTERVAL,
            "quantiles": record({str(q): quantile for q in QUANTILES}),
            "max": {"type": "integer"},
            "share_above_max_at_most": SHARE,
        }
    )


def contract() -> Json:
    """The members that `run --json` prints too."""
    figures = {
        "mean": maybe(NUMBER),
        "quantiles": record({str(q): maybe({"type": "integer"}) for q in QUANTILES}),
    }
    waste = record({"histogram": HISTOGRAM, **figures, "weighted": record(figures)})
    violation = record({"invariant": {"enum": list(INVARIANT_NAMES)}, "count": COUNT, "finding": maybe(TEXT)})
    return {
        "schema": {"const": SCHEMA},
        "variant": TEXT,
        "seed": COUNT,
        "cases": COUNT,
        "steps": COUNT,
        "seconds": NUMBER,
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "streams": record({stream: record({"cases": COUNT}) for stream in STREAMS}),
        "violations": array(violation),
        "waste": record({"pages": waste}),
        "interrupted": {"type": "boolean"},
        "exit": {"type": "integer", "minimum": 0, "maximum": 4},
    }


def invariant() -> Json:
    """How often one invariant was violated; null for what does not apply, is not known or did not happen."""
    reading = record({"k": COUNT, "n": COUNT, "interval": INTERVAL, "upper_bound": maybe(SHARE)})
    return record(
        {
            "invariant": {"enum": list(INVARIANT_NAMES)},
            "applicable": maybe({"type": "boolean"}),
            "cases": COUNT,
            "hunting_cases": COUNT,
            "measurement": reading,
            "measurement_unknown_as_violating": maybe(reading),
            "weighted": maybe(RATE),
            "weighted_upper_bound": maybe(SHARE),
            "first": maybe(PLACE),
            "finding": maybe(TEXT),
        }
    )


def figures() -> Json:
    """What is estimated beside the distributions."""
    discovery = {
        "cases": COUNT,
        "distinct": COUNT,
        "seen_once": COUNT,
        "seen_twice": COUNT,
        "points": array(array(COUNT, minItems=2, maxItems=2)),
        "risk": maybe(NUMBER),
        "risk_interval": INTERVAL,
    }
    headroom = {
        "pages": COUNT, "probes": COUNT, "fitting": COUNT, "failing": COUNT, "of_fitting": maybe(RATE), "of_all": RATE,
    }  # fmt: skip
    cell = {
        "nodes": array(COUNT, minItems=2, maxItems=2), "size_bytes_max": COUNT, "probes": COUNT,
        "mean_waste_pages": NUMBER, "interval": INTERVAL,
    }  # fmt: skip
    value = record({"value": {"type": "integer"}, "interval": INTERVAL})
    stratum = {
        "kind": TEXT, "value": TEXT, "probes": COUNT, "mean": NUMBER, "mean_interval": INTERVAL,
        "quantiles": {"type": "object", "additionalProperties": value},
    }  # fmt: skip
    curve = {
        "nodes": array(COUNT, minItems=2, maxItems=2), "nowait": {"type": "boolean"}, "probes": COUNT,
        "headroom": array(record(headroom)),
    }  # fmt: skip
    amiss = {
        "kind": TEXT, "value": TEXT, "probes": COUNT, "with_bytes_amiss": COUNT, "weighted": maybe(RATE),
        "p99_bytes": maybe(value), "max_bytes": maybe(COUNT),
    }  # fmt: skip
    misplaced = {
        "probes": COUNT, "with_bytes_amiss": COUNT, "weighted": maybe(RATE), "strata": array(record(amiss)),
    }  # fmt: skip
    return {
        "headroom": array(record(headroom)),
        "headroom_by_nodes": array(record(curve)),
        "misplaced": maybe(record(misplaced)),
        "cells": array(record(cell)),
        "strata": array(record(stratum)),
        "discovery": record(discovery),
        "certificate": certificate(),
    }


def certificate() -> Json:
    """Names as in reports.figures.certificate."""
    pct = {
        "depth": COUNT, "pct_depth": COUNT, "families": array(TEXT), "tasks_max": COUNT, "steps_max": COUNT,
        "runs": COUNT, "violating": COUNT, "missed": SHARE, "share_at_most": maybe(SHARE),
    }  # fmt: skip
    behaviour = {
        "cases": COUNT, "features": COUNT, "lone_cases": COUNT, "estimate": SHARE, "discoveries": COUNT,
        "later_cases": COUNT, "upper_bound": SHARE,
    }  # fmt: skip
    return record(
        {
            "pct": array(record(pct)),
            "not_run": array(record({"depth": COUNT, "families": array(TEXT)})),
            "rate": maybe(record({"violating": COUNT, "cases": COUNT, "exact": SHARE, "anytime": SHARE})),
            "behaviour": maybe(record(behaviour)),
            "scopes": array(TEXT),
        }
    )


def rows() -> Json:
    """Families, invariants, signatures, findings and operations."""
    distributions = {"type": "object", "additionalProperties": distribution()}
    family = {
        "name": TEXT, "weight": COUNT, "share": SHARE, "cases": COUNT, "probes_charged": COUNT,
        "distributions": distributions,
    }  # fmt: skip
    signature = {
        "invariant": TEXT, "variant": TEXT, "label": TEXT, "hazards": array(COUNT), "stream": {"enum": list(STREAMS)},
        "cases": COUNT, "k": COUNT, "case": COUNT,
    }  # fmt: skip
    node = {"node": COUNT, "bytes": COUNT, "pages": {"type": "integer"}, "page_size": COUNT}
    finding = {
        "file": TEXT, "stream": {"enum": list(STREAMS)}, "k": COUNT, "case": COUNT, "invariant": TEXT, "variant": TEXT,
        "label": TEXT, "hazards": array(COUNT), "shape": TEXT, "alike": COUNT, "invariants": array(TEXT),
        "breaks": array(TEXT), "cut_short": {"type": "boolean"},
        "explanation": array(TEXT), "lanes": array(TEXT), "nodes": array(record(node)),
    }  # fmt: skip
    optional = ("shape", "alike", "invariants", "breaks", "cut_short", "explanation", "lanes", "nodes")
    failed: Json = {
        "stream": {"enum": list(STREAMS)}, "k": COUNT, "case": maybe(COUNT), "cases": COUNT, "tries": array(TEXT),
        "traceback": TEXT,
    }  # fmt: skip
    operation = {"nodes": COUNT, "cpus": COUNT, "variant": TEXT, "alloc_ops": COUNT, "free_ops": COUNT}
    return {
        "pooled": distributions,
        "families": array(record(family)),
        "invariants": array(invariant()),
        "signatures": array(record(signature)),
        "failed": array(record(failed)),
        "shrunk": maybe(array(COUNT, minItems=2, maxItems=2)),
        "findings": array(record(finding, optional, open_=True)),
        "operations": array(record(operation, open_=True)),
    }


def report_schema() -> Json:
    """The whole schema. What other commands may add to a finding, an operation or the configuration is left open."""
    stopping = {"by": TEXT, "budget_cases": maybe(COUNT), "budget_seconds": maybe(NUMBER), "stop": maybe(TEXT)}
    configuration = record({"variant": TEXT, "seed": COUNT, "families": {"type": "object"}}, open_=True)
    counts = {stream: {"type": "object", "additionalProperties": COUNT} for stream in STREAMS}
    properties = contract() | {
        "level": SHARE,
        "configuration": configuration,
        "command": TEXT,
        "out": TEXT,
        "workers": COUNT,
        "compile_seconds": NUMBER,
        "stopping": record(stopping),
        "precharges": {"type": "boolean"},
        "counts": record(counts),
        **figures(),
        **rows(),
    }
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "report.json of percpu-fuzz"}
    return head | record(properties)


def schema_text() -> str:
    """docs/report.schema.json as it must stand there."""
    return json.dumps(report_schema(), indent=1, sort_keys=True) + "\n"
