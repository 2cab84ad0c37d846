"""`bench --against` on planted slow-downs and on equal runs, ten times each."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.core.compiled import ROOT, code_version
from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.plan.batches import Batches

TIMES = 10
SLOWER = 0.2
COMMAND = ("bench", "step", "--json")
KEPT = ROOT / "out" / "exam-bench.json"


@contextlib.contextmanager
def slower_steps(share: float) -> Iterator[None]:
    """Every batch takes so much more of the processor than it does."""
    run = Batches.run

    def slowed(batches: Batches, *arguments: Any) -> Outcome:
        start = time.process_time()
        outcome = run(batches, *arguments)
        until = time.process_time() + share * (time.process_time() - start)
        while time.process_time() < until:
            pass
        return outcome

    Batches.run = slowed  # type: ignore[method-assign]
    try:
        yield
    finally:
        Batches.run = run  # type: ignore[method-assign]


def benched(*more: str) -> tuple[int, dict[str, Any]]:
    """The exit status of a bench of the step, and its JSON."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        status = call([*COMMAND, *more])
    found: dict[str, Any] = json.loads(said.getvalue().strip().splitlines()[-1])
    return status, found


def kept_rows() -> list[dict[str, Any]]:
    """The repetitions that were done on this version of the code."""
    found: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    rows: list[dict[str, Any]] = found.get(code_version(), [])
    return rows


def bench() -> dict[str, Any]:
    """Each time a bench equal to the last one, which must be quiet against it, and one with steps a fifth slower, which
    must not: what it names is kept. A line that is stopped goes on after the last whole repetition, from a new bench.
    """
    rows = kept_rows()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "then.json"
        if len(rows) < TIMES:
            path.write_text(json.dumps(benched()[1]))
        while len(rows) < TIMES:
            quiet, equal = benched("--against", str(path))
            path.write_text(json.dumps(equal))
            with slower_steps(SLOWER):
                loud, planted = benched("--against", str(path))
            rows.append({"quiet": quiet, "loud": loud, "equal": equal["slower"], "planted": planted["slower"]})
            KEPT.parent.mkdir(exist_ok=True)
            KEPT.write_text(json.dumps({code_version(): rows}))
            print(len(rows), quiet, loud, equal["slower"], len(planted["slower"]), flush=True)
    return {
        "passed": all((row["quiet"], row["loud"]) == (0, 1) for row in rows),
        "statuses": [(row["quiet"], row["loud"]) for row in rows],
        "alarms_on_equal_runs": [row["equal"] for row in rows],
        "found_of_planted": [len(row["planted"]) for row in rows],
    }


LINES = {"bench": bench}
