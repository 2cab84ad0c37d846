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

from percpu_fuzz.engine.outcome import Outcome
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.strategies.plan.batches import Batches

TIMES = 10
SLOWER = 0.2
COMMAND = ("bench", "step", "--json")


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


def bench() -> dict[str, Any]:
    """Each time a bench, an equal one against it, which must be quiet, and one with steps a fifth slower, which must
    not: it names every family, and not the C core.
    """
    equal: list[list[str]] = []
    planted: list[list[str]] = []
    statuses: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(TIMES):
            path = Path(folder) / f"{number}.json"
            path.write_text(json.dumps(benched()[1]))
            quiet, found = benched("--against", str(path))
            equal.append(found["slower"])
            with slower_steps(SLOWER):
                loud, found = benched("--against", str(path))
            planted.append(found["slower"])
            statuses.append((quiet, loud))
            print(number, quiet, loud, equal[-1], len(planted[-1]), flush=True)
    return {
        "passed": statuses == [(0, 1)] * TIMES,
        "statuses": statuses,
        "alarms_on_equal_runs": equal,
        "found_of_planted": [len(names) for names in planted],
    }


LINES = {"bench": bench}
