"""What an output folder holds of earlier sessions of a campaign, and whether it is the same campaign."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import InputError
from fuzz.options import RunOptions
from fuzz.plan import Plan
from fuzz.store import Store


@dataclass(frozen=True, slots=True)
class Earlier:
    """seconds: of work so far; failed: batches that could not be run; forced: differences that --force let pass."""

    seconds: float = 0.0
    failed: list[dict[str, Any]] = field(default_factory=list)
    forced: str = ""

    @staticmethod
    def of(store: Store, plan: Plan, options: RunOptions) -> Earlier:
        """What the store holds; nothing for a new one. InputError if it holds another campaign, unless forced."""
        try:
            stored = store.meta("describe")
        except KeyError:
            return Earlier()
        found = differences(stored, json.loads(json.dumps(plan.describe())))
        if store.meta("shard") != [options.shard.index, options.shard.count]:
            found = [f"shard: {store.meta('shard')} then, {[options.shard.index, options.shard.count]} now", *found]
        if found and not options.force:
            raise InputError("--resume", "; ".join(found), "the configuration and code of the campaign, or --force")
        return Earlier(_meta(store, "elapsed", 0.0), _meta(store, "failed", []), "; ".join(found))


def differences(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each option that differs, with both values."""
    names = sorted(set(stored) | set(now))
    return [
        f"{name}: {stored.get(name)!r} then, {now.get(name)!r} now"
        for name in names
        if stored.get(name) != now.get(name)
    ]


def _meta(store: Store, key: str, default: Any) -> Any:
    try:
        return store.meta(key)
    except KeyError:
        return default
