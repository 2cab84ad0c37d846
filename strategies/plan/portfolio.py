"""How the hunting stream is shared out over schedulers, and how large batches are."""

from __future__ import annotations

from percpu_fuzz.engine.core.records import SIZE_CLASSES

PORTFOLIO = "portfolio"
# A walk and PCT in turn: what the one hardly ever finds is found soon by the other, whatever a campaign's length.
TURNS = (
    ("urw", 0), ("pct", 3), ("random", 0), ("pct", 2), ("pos", 0), ("preemption", 2), ("delay", 3), ("pct", 4),
    ("pct", 1),
)  # fmt: skip
DEPTHS = {"pct": 3, "preemption": 2, "delay": 3}  # where a scheduler is chosen by name
SPREAD_STEPS = {"small": 1024, "wide": 8192}  # the k that change points are spread over
# Cases of a batch from number k on, class small; class wide has fewer, by its number of nodes. Short campaigns spread
# over all workers, long ones keep fewer rows.
CASES_FROM = ((256, 16_000), (16, 4000), (0, 1000))
# Of a variant with steps of its own, whether they are compiled or run as plain Python: the first ones are to end soon.
OWN_CASES_FROM = ((512, 16_000), (256, 4000), (128, 1000), (0, 50))
USER_CASES = {"small": 50, "wide": 2}  # of a batch under a user's scheduler, which is a hundred times slower
FEATURES_EVERY = 9  # of so many measurement batches one keeps its features: they are most of a row


def caps_of(size_class: str) -> list[int]:
    """[n, k] of PCT's guarantee: most tasks with the kernel's workers, steps that change points are spread over."""
    return [SIZE_CLASSES[size_class]["tasks"], SPREAD_STEPS[size_class]]
