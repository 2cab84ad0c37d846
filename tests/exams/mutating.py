"""Mutation of the engine's source at full numbers; resumable, as the tool is."""

from __future__ import annotations

from typing import Any

import mutation

SECONDS, WORKERS = 1_800.0, 2
MUTANTS_LEAST, KILLED_LEAST = 1_500, 0.85


def source_mutation() -> dict[str, Any]:
    """At least 85% of those run that are not equivalent are killed, over at least 1,500; no equivalent one is."""
    files = tuple(mutation.PATHS)
    known = mutation.load()["fates"]  # of this source: `make mutate` may have run enough
    if len(known) < MUTANTS_LEAST:
        known = mutation.run(files, SECONDS, WORKERS)
    mutation.report(files, known)
    found = mutation.score(files, known)
    enough = found["run"] >= MUTANTS_LEAST and found["killed_of_others"] >= KILLED_LEAST
    return {"passed": enough and not found["wrong"]} | found


LINES = {"source-mutation": source_mutation}
