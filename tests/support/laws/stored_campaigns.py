"""Campaigns whose statistics are examined: drawn by the engine, written to a store, read back as reports do."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

from percpu_fuzz.engine.outcome import STREAMS, Outcome
from percpu_fuzz.fuzz.schedule import BatchCounts, BatchId
from percpu_fuzz.fuzz.store.reading import read_campaign
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.strategies.plan.batches import machinery_of, run_batch
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.run.outcomes import every_allocation, histograms_of
from percpu_fuzz.strategies.run.tally import new_rows

Given = TypeVar("Given")
Found = TypeVar("Found")
PROCESSES = 2


def stored(plan: Plan, outcomes: Iterable[Outcome], **described: Any) -> tuple[Campaign, list[Outcome]]:
    """The campaign of these batches, and they themselves, after a way through a store's file.

    Batches of each stream are numbered from 0 on without a gap. described: in place of what the plan says of itself.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(folder / "campaign.db")
        store.set_meta("describe", plan.describe() | described)
        store.set_meta("command", "percpu-fuzz run")
        store.connection.execute("BEGIN")  # one transaction a campaign: durability is not what is looked at
        for outcome in outcomes:
            store.add(BatchId(outcome.stream, outcome.k), outcome.canonical(), 0.0)
        store.connection.execute("COMMIT")
        kept = list(store.outcomes(BatchCounts(*(sum(1 for _ in store.numbers(stream)) for stream in STREAMS))))
        store.close()
        return read_campaign(folder), kept


def drawn(plan: Plan, seed: int, cases: int, extra_pages: int = 0) -> list[Outcome]:
    """One round of measurement batches, each family as often as its weight, so many cases each.

    extra_pages: added to the precharge of everything charged on a machine of 2 to 8 nodes, after the engine has run and
    before anything is counted.
    """
    outcomes = []
    for k in range(len(plan.order)):
        batch = replace(plan.batch_of("measurement", k), seed=seed, cases=cases)
        rows = new_rows(cases)

        def planted(allocs: Any, rows: Any = rows) -> Any:
            nodes = rows["nodes"][allocs["case"]]
            allocs["precharge"][(nodes >= 2) & (nodes <= 8)] += extra_pages
            return every_allocation(allocs)

        with mock.patch("percpu_fuzz.strategies.run.outcomes.every_allocation", planted):
            outcome = run_batch(batch, machinery_of(batch), rows)
        rows["precharge"][(rows["done"] == 1) & (rows["nodes"] >= 2) & (rows["nodes"] <= 8)] += extra_pages
        outcomes.append(replace(outcome, histograms=outcome.histograms | histograms_of(rows, "measurement")))
    return outcomes


def in_parallel(function: Callable[[Given], Found], given: Sequence[Given]) -> list[Found]:
    """function of each, in order, by two forked processes: what was compiled or loaded before is there already."""
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        return pool.map(function, given, chunksize=max(1, len(given) // 40))


def counted(rows: Sequence[dict[str, bool]]) -> dict[str, int]:
    """How often each name is true."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: sum(row.get(name, False) for row in rows) for name in names}


def too_few(covered: int, campaigns: int, level: float = 0.95) -> bool:
    """Whether so few campaigns being covered rejects a coverage of the level or more: exact, one-sided, at 0.1%."""
    from scipy.special import bdtr

    return float(bdtr(covered, campaigns, level)) < 0.001
