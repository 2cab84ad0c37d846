"""Before anything runs a variant with steps of its own: a trial in plain mode, and compilation with its progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from percpu_fuzz.engine.core.compile_listeners import LISTENERS
from percpu_fuzz.engine.own.engines import is_compiled
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.trial import tried

SAY_SECONDS = 5.0


class Counted:
    """A listener that says every few seconds how many functions have been compiled."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.functions = 0
        self.start = self.said = time.monotonic()

    def __call__(self, function: str) -> None:
        """One more begins to be compiled."""
        self.functions += 1
        if time.monotonic() - self.said >= SAY_SECONDS:
            self.said = time.monotonic()
            self.say(f"  {self.functions} functions compiled, {self.said - self.start:.0f} s")


@contextmanager
def own_engine_announced(plan: Plan, say: Callable[[str], None]) -> Iterator[None]:
    """Around the compilation of what a plan runs. InputError for a step that goes wrong in the trial."""
    own = plan.variant.own
    if own is None or not own.has_code:
        yield
        return
    start = time.perf_counter()
    trial = tried(plan)
    rate = trial.cases / max(time.perf_counter() - start, 1e-9)
    say(f"{own.path}: {trial.cases} cases run as plain Python, {rate:.0f} a second; no step of its own went wrong")
    if not own.compiled:
        say(f"{own.path} is not compiled: each worker runs about so many cases a second")
        yield
        return
    with compiling_told(plan.variant, say):
        yield


@contextmanager
def compiling_told(variant: Variant, say: Callable[[str], None]) -> Iterator[None]:
    """Around work that compiles the engine of a variant with steps of its own, unless it was compiled before."""
    own = variant.own
    if own is None or not own.has_code or not own.compiled or is_compiled(own):
        yield
        return
    say(f"compiling the engine with the steps of {own.path}, once for this text of it; --compile off does not wait")
    LISTENERS.append(counted := Counted(say))
    try:
        yield
    finally:
        LISTENERS.remove(counted)
