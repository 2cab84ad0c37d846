"""A small campaign made by hand: two families of weight 3 and 1, both streams, one violated invariant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from percpu_fuzz.engine.outcome import Outcome, Signature
from percpu_fuzz.reports.campaign import Campaign, RunFacts, gather

I18 = Signature("I18", "v2", "PO_ACCOUNT", (2, 6))
OTHER = Signature("I18", "v2", "PO_ACCOUNT", (1, 6))
Made = Callable[..., Campaign]


def histograms(waste: dict[int, int]) -> dict[str, dict[int, int]]:
    """The four histograms of probes that all precharged 10 pages and rounded up half a page."""
    n = sum(waste.values())
    shares: dict[int, int] = {}
    for pages, cases in waste.items():
        shares[pages * 10] = shares.get(pages * 10, 0) + cases
    return {"waste_pages": waste, "precharge_pages": {10: n}, "share_percent": shares, "rounding_bytes16": {8: n}}


def made_outcomes() -> list[Outcome]:
    """300 measured cases of family "few", 100 of "many", 200 hunted of "few"."""
    counts = {"alloc": 500, "free": 490, "hazard.H2": 3, "hazard.H6": 1000, "stuck": 0, "probe.charged": 100}
    return [
        Outcome("measurement", 0, "few", 150, 40_000, 0, histograms({1: 60, 2: 40}), counts),
        Outcome("measurement", 1, "many", 100, 9_000, 1, histograms({7: 50}), counts | {"probe.charged": 50},
                {I18: 1}, {I18: (42,)}),
        Outcome("measurement", 2, "few", 150, 41_000, 2, histograms({1: 70, 2: 30}), counts,
                {I18: 1, OTHER: 1}, {I18: (5,), OTHER: (9,)}),
        Outcome("hunting", 0, "few", 200, 70_000, 4, histograms({9: 120}), counts | {"hazard.H4": 8},
                {I18: 4}, {I18: (11, 12)}),
    ]  # fmt: skip


def made_campaign(outcomes: list[Outcome] | None = None, **changed: Any) -> Campaign:
    """That campaign, or one of other outcomes, with some of its facts changed."""
    facts: dict[str, Any] = {
        "describe": {"variant": "v2", "seed": 7, "scheduler": "random", "faults": [], "code": "abc",
                     "families": {"few": 3, "many": 1}},
        "digest": "5e" * 32, "seconds": 8.0, "compile_seconds": 1.5, "interrupted": False, "stopped_by": "cases",
        "workers": 2, "out": "out/one two", "command": "percpu-fuzz run --variant v2 --seed 7 --cases 600",
        "findings": [{"file": "findings/001-I18-v2.json", "stream": "measurement", "k": 1, "case": 42,
                      "invariant": "I18", "variant": "v2", "label": "PO_ACCOUNT", "hazards": [2, 6]}],
        "operations": [
            {"nodes": n, "cpus": c, "variant": v, "alloc_ops": 2 + (n if v == "v2" else c),
             "free_ops": n if v == "v2" else c}
            for v in ("v1", "v2") for n in (1, 2, 4, 8) for c in (2, 8, 64)
        ],
        "budget_cases": 600,
    }  # fmt: skip
    return gather(iter(made_outcomes() if outcomes is None else outcomes), RunFacts(**(facts | changed)))


@pytest.fixture
def outcomes() -> list[Outcome]:
    return made_outcomes()


@pytest.fixture
def make() -> Made:
    return made_campaign
