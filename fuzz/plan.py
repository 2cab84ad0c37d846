"""Plan: what a campaign needs to know of the thing it runs; strategies build one, tests bring their own."""

from __future__ import annotations

from typing import Protocol

from engine.outcome import Outcome, Signature
from engine.scenario import Finding
from engine.variant import Variant


class Plan(Protocol):
    """The unit of work and its description. The parent calls warm() once before it forks the workers.

    Workers call batch(), the parent everything else. describe() must hold "variant" (str), "seed" (int) and
    "families" (name -> weight); it is printed before the run and stored with it.
    """

    def describe(self) -> dict[str, object]:
        """Every drawn or chosen option, as data fit for JSON."""
        ...

    def warm(self) -> float:
        """Compile what batch() needs in this process; seconds that it took."""
        ...

    def cases_per_batch(self, stream: str, k: int) -> int:
        """How many cases batch k of a stream holds; known without running it."""
        ...

    def batch(self, stream: str, k: int) -> Outcome:
        """Run batch k of a stream: a function of (seed, stream, k) and of nothing else; 0.1 to 0.2 s."""
        ...

    @property
    def variant(self) -> Variant:
        """What the campaign runs."""
        ...

    def finding(self, stream: str, k: int, case: int, signature: Signature) -> Finding:
        """A violating case, replayed so that it is known to violate."""
        ...
