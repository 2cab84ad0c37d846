"""Batches that could not be run, in words: each is a finding of its own, and its cases are unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.numbers import plural


def failed_heading(campaign: Campaign) -> str:
    """How many there are, and what that means for the rates."""
    cases = sum(int(row["cases"]) for row in campaign.failed)
    batches = f"{len(campaign.failed)} batch{'es' * (len(campaign.failed) > 1)}"
    return f"{batches} could not be run; of their {plural(cases, 'case')} nothing is known:"


def failed_words(row: Mapping[str, Any]) -> tuple[str, str]:
    """(which batch, what each try said)."""
    tries = [str(what) for what in row["tries"]]
    said = f"{len(tries)} times: {tries[0]}" if len(set(tries)) == 1 else "; ".join(tries)
    at = "" if row["case"] is None else f", at case {row['case']}"
    return f"{row['stream']} batch {row['k']}{at}", said


def failed_file(row: Mapping[str, Any]) -> str:
    """Its file, relative to the output folder."""
    return f"findings/batch-{row['stream']}-{row['k']}.json"
