"""What an output folder holds of earlier sessions of a campaign, and whether it is the same campaign."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.runnable_plan import RunnablePlan
from percpu_fuzz.fuzz.settings import RunOptions
from percpu_fuzz.fuzz.store.named_values import checked
from percpu_fuzz.fuzz.store.reading import damage_refused
from percpu_fuzz.fuzz.store.store import Store


@dataclass(frozen=True, slots=True)
class EarlierSessions:
    """seconds: of work so far; forced: differences that --force let pass."""

    seconds: float = 0.0
    forced: str = ""

    @staticmethod
    def of(store: Store, plan: RunnablePlan, options: RunOptions) -> EarlierSessions:
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
        return EarlierSessions(named.get("elapsed", 0.0), "; ".join(found))


def described_differences(stored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each option that differs, with both values."""
    names = sorted(set(stored) | set(now))
    return [
        f"{name}: {stored.get(name)!r} then, {now.get(name)!r} now"
        for name in names
        if stored.get(name) != now.get(name)
    ]
