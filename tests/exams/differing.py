"""`diff` of versions at full numbers: what must be found within two minutes, and what must not differ."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from exams.campaigns import percpu_fuzz
from no_metadata import no_metadata

from percpu_fuzz.engine.outcome import STREAMS
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.plan.compared import Compared

SECONDS, LATE_MOST = 120, 3.0
OPERATIONS_MOST = 3
# The precharge that does not fit at all; that does not fit beside what the first ones stocked; above 8 pages no OOM.
EXPECTED = (
    ("the first allocation: succeeds | -ENOMEM", "the first allocation: succeeds | -ENOMEM, OOM killer called"),
    ("a further allocation: succeeds | -ENOMEM", "a further allocation: succeeds | -ENOMEM, OOM killer called"),
    (
        "the first allocation: -ENOMEM, OOM killer called | -ENOMEM",
        "a further allocation: -ENOMEM, OOM killer called | -ENOMEM",
    ),
)
BATCHES = 12  # of each stream


def diff_v2() -> dict[str, Any]:
    """`diff base v2 --time 120` finds the three expected differences, each shrunk to at most three operations."""
    status, found, _ = percpu_fuzz("diff", "base", "v2", "--time", str(SECONDS), "--seed", "1")
    shown = {row["kind"]: row["shown"] for row in found["differences"]}
    sizes = {kind: shown[kind]["operations"] for pair in EXPECTED for kind in pair if shown.get(kind)}
    small = all(any(sizes.get(kind, OPERATIONS_MOST + 1) <= OPERATIONS_MOST for kind in pair) for pair in EXPECTED)
    return {
        "passed": status == 1 and small and found["seconds"] <= SECONDS + LATE_MOST, "operations": sizes,
        "kinds": len(shown), "cases": found["cases"], "seconds": found["seconds"],
    }  # fmt: skip


def diff_exts() -> dict[str, Any]:
    """v2-exts against v2 differs by the metadata's bytes alone: nothing differs where obj_exts takes no room, and
    something does where it takes some.
    """
    compared = Compared([VARIANTS["v2"], VARIANTS["v2-exts"]], 1)
    kinds, cases = kinds_of(compared)
    with no_metadata(compared.plan):
        kinds_without, cases_without = kinds_of(compared)
    return {
        "passed": not kinds_without and bool(kinds) and cases == cases_without, "cases": cases, "kinds": len(kinds),
        "kinds_without_metadata": sorted(kinds_without),
    }  # fmt: skip


def kinds_of(compared: Compared) -> tuple[set[str], int]:
    """Kinds that the first batches show, and their cases."""
    found = [compared.run(compared.batch_of(stream, k)) for k in range(BATCHES) for stream in STREAMS]
    return {kind for batch in found for kind in batch.kinds[0]}, sum(batch.cases for batch in found)


LINES = {"diff-v2": diff_v2, "diff-exts": diff_exts}
