"""JSON lines: the campaign, then one object a verdict (docs/report.jsonl.schema.json)."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.reports.ci.verdicts import verdicts
from percpu_fuzz.reports.figures.figures import Figures


def jsonl(figures: Figures, exit_status: int) -> str:
    """The whole file."""
    campaign = figures.campaign
    head: dict[str, Any] = {
        "kind": "campaign",
        "schema": 1,
        "variant": campaign.variant,
        "seed": campaign.seed,
        "cases": sum(campaign.cases(stream) for stream in STREAMS),
        "digest": campaign.digest,
        "command": campaign.command,
        "exit": exit_status,
    }
    rows = [head, *({"kind": "verdict", **asdict(row)} for row in verdicts(figures, exit_status))]
    return "".join(json.dumps(row, sort_keys=True, ensure_ascii=True) + "\n" for row in rows)
