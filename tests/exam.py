"""The long acceptance lines: `make exam` runs all, `make exam ONLY="digest speed"` some.

Each line is a function in tests/exams that returns its numbers, `passed` among them. out/exam.json keeps them by name
with the version of the code; a line that passed on this version is not run again unless `--again` is given.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from exams import (  # noqa: E402
    campaigns,
    certifying,
    comparing,
    covering,
    endurance,
    exploring,
    fidelity,
    findings,
    modes,
    packaging,
    posted,
    reading,
    recorded,
    sampler,
    schedulers,
    speed,
    stopping,
    unharmed,
    watching,
)

from percpu_fuzz.engine.core.compiled import code_version  # noqa: E402

Line = Callable[[], dict[str, Any]]
KEPT = ROOT / "out" / "exam.json"
LINES: dict[str, Line] = {
    **campaigns.LINES,
    **certifying.LINES,
    **comparing.LINES,
    **covering.LINES,
    **endurance.LINES,
    **exploring.LINES,
    **fidelity.LINES,
    **findings.LINES,
    **modes.LINES,
    **packaging.LINES,
    **posted.LINES,
    **reading.LINES,
    **recorded.LINES,
    **sampler.LINES,
    **schedulers.LINES,
    **speed.LINES,
    **stopping.LINES,
    **unharmed.LINES,
    **watching.LINES,
}


def load() -> dict[str, Any]:
    """What earlier runs measured."""
    return json.loads(KEPT.read_text()) if KEPT.is_file() else {}


def keep(done: dict[str, Any]) -> None:
    """Write all lines at once; a run that is killed loses the line that it was at."""
    KEPT.parent.mkdir(exist_ok=True)
    part = KEPT.with_suffix(".part")
    part.write_text(json.dumps(done, indent=1, sort_keys=True) + "\n")
    part.replace(KEPT)


def examine(name: str) -> dict[str, Any]:
    """Run a line; an exception is a failure that is kept with its text."""
    start = time.perf_counter()
    try:
        row = LINES[name]()
    except Exception as error:
        traceback.print_exc()
        row = {"passed": False, "error": f"{type(error).__name__}: {error}"}
    return row | {"took_seconds": round(time.perf_counter() - start, 1), "code": code_version()}


def main(arguments: list[str]) -> int:
    again = "--again" in arguments
    chosen = [name for name in arguments if name != "--again"] or list(LINES)
    for name in chosen:
        if name not in LINES:
            print(f"exam: {name!r}; allowed: {', '.join(LINES)}", file=sys.stderr)
            return 2
    done = load()
    for name in chosen:
        old = done.get(name, {})
        if not again and old.get("passed") and old.get("code") == code_version():
            print(f"{name}: passed before on this version")
            continue
        row = examine(name)
        done = load() | {name: row}  # another exam may have added lines meanwhile
        keep(done)
        print(f"{name}: {json.dumps(done[name])}", flush=True)
    return 0 if all(done[name]["passed"] for name in chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
