"""What an output folder holds of earlier sessions of a campaign, and whether it is the same campaign."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.fuzz.schedule import batches_for_cases
from percpu_fuzz.fuzz.settings import RunOptions
from percpu_fuzz.fuzz.store.named_values import checked
from percpu_fuzz.fuzz.store.reading import damage_refused
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.strategies.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class EarlierSessions:
    """seconds: of work so far; forced: differences that --force let pass."""

    seconds: float = 0.0
    forced: str = ""

    @staticmethod
    def of(store: Store, plan: Plan, options: RunOptions) -> EarlierSessions:
        """What the store holds; nothing for a new one. InputError if it holds another campaign, unless forced."""
        with damage_refused(store.path):
            named = store.named()
            if "describe" not in named:
                return EarlierSessions()
            checked(named)
        found = described_differences(named["describe"], json.loads(json.dumps(plan.describe())))
        shard = [options.shard.index, options.shard.count]
        if named.get("shard") != shard:
            found = [f"shard: {named.get('shard')} then, {shard} now", *found]
        if found and not options.force:
            raise InputError("--resume", "; ".join(found), "the configuration and code of the campaign, or --force")
        refuse_less(store, options, named)
        return EarlierSessions(named.get("elapsed", 0.0), "; ".join(found))


def refuse_less(store: Store, options: RunOptions, named: Mapping[str, Any]) -> None:
    """InputError for a budget that is new and smaller than what is stored: its reports would leave a part out."""
    given, allowed = named.get("given", {}), "more than that; `percpu-fuzz report` shows what is stored as it is"
    elapsed = named.get("elapsed", 0.0)
    if options.seconds is not None and options.given.get("time") != given.get("time") and options.seconds < elapsed:
        raise InputError("--time", f"{options.seconds:g} s, and {elapsed:.0f} s of work are stored", allowed)
    if options.cases is None or options.given.get("cases") == given.get("cases"):
        return
    stored = {(batch.stream, batch.k): store.outcome_of(row, batch).cases for batch, row, _ in store.rows_as_added()}
    cases = sum(stored.values())
    if cases <= options.cases:
        return
    number = options.shard.number
    most = batches_for_cases(options.cases, options.hunt, lambda stream, k: stored.get((stream, number(k)), 0))
    if any(sum(1 for _ in store.numbers(stream)) > most.of(stream) for stream in STREAMS):
        raise InputError("--cases", f"{options.cases:,}, and {cases:,} cases are stored", allowed)


def described_differences(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each option that differs, with both values."""
    names = sorted(set(stored) | set(now))
    return [
        f"{name}: {stored.get(name)!r} then, {now.get(name)!r} now"
        for name in names
        if stored.get(name) != now.get(name)
    ]
