"""Before anything runs a variant with steps of its own: a trial in plain mode, and compilation with its progress."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.case.reset import reset_record
from percpu_fuzz.engine.core.compile_listeners import LISTENERS
from percpu_fuzz.engine.core.compiled import functions_below
from percpu_fuzz.engine.core.entries import entries
from percpu_fuzz.engine.own.engines import entry_of, is_compiled
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.strategies.explore.breadth_first import search_level
from percpu_fuzz.strategies.explore.depth_first import search_depth_first
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.trial import tried
from percpu_fuzz.strategies.run.behaviour import observe
from percpu_fuzz.strategies.run.cases import run_cases
from percpu_fuzz.strategies.run.recorded_walk import walk_recorded

Called = Sequence[Callable[..., Any]]
CAMPAIGN: Called = (reset_record, run_cases, walk_recorded)  # what a campaign calls of an engine
SEARCH: Called = (reset_record, search_depth_first, search_level)
COMPARISON: Called = (reset_record, observe)


def functions_compiled(variant: Variant, called: Called) -> set[str]:
    """Names of what is compiled for these entries of a variant's own engine: not the engine's entries, which are kept.

    Functions that reach nothing of the file are the engine's own and have their module's globals; copies have not.
    """

    def is_kept(source: Any) -> bool:
        is_shared = source.__globals__ is getattr(sys.modules.get(source.__module__), "__dict__", None)
        return is_shared and (source.__module__, source.__qualname__) in entries

    return functions_below((entry_of(variant, entry) for entry in called), is_kept)


@contextmanager
def own_engine_announced(plan: Plan, say: Callable[[str], None]) -> Iterator[None]:
    """Around the compilation of what a plan runs. InputError for a step that goes wrong in the trial."""
    own = plan.variant.own
    if own is None or not own.has_code:
        yield
        return
    start = time.perf_counter()
    cases = tried(plan)
    rate = cases / max(time.perf_counter() - start, 1e-9)
    say(f"{own.path}: {cases} cases run as plain Python, {rate:.0f} a second; no step of its own went wrong")
    if not own.compiled:
        say(f"{own.path} is not compiled: each worker runs about so many cases a second")
        yield
        return
    with compiling_told(plan.variant, say, CAMPAIGN, len({family.size_class for family in plan.families})):
        yield


@contextmanager
def compiling_told(variant: Variant, say: Callable[[str], None], called: Called, classes: int = 1) -> Iterator[None]:
    """Around work that compiles the engine of a variant with steps of its own, unless it was compiled before.

    called: the entries that the work calls, each for machines of so many classes of size.
    """
    own = variant.own
    if own is None or not own.has_code or not own.compiled or is_compiled(own):
        yield
        return
    say(f"compiling the engine with the steps of {own.path}, once for this text of it; --compile off does not wait")
    named = functions_compiled(variant, called)
    seen: Counter[str] = Counter()
    with working(f"compiling the engine with {Path(own.path).name}, functions", classes * len(named)) as sign:

        def count(function: str) -> None:
            if function in named and seen[function] < classes:
                seen[function] += 1
                sign.done += 1

        LISTENERS.append(count)
        try:
            yield
        finally:
            LISTENERS.remove(count)
