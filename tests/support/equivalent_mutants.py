"""Mutants of the engine's source that no run can tell from the engine as it is, and why.

A row is a pattern of SourceMutant.name and its reason. A row that fits no mutant of the source as it is now is stale
(tests/quality/test_mutation.py), one that fits a mutant that was killed is wrong (the tool says so).
"""

from __future__ import annotations

import re

EQUIVALENT: tuple[tuple[str, str], ...] = ()


def reason_of(name: str) -> str | None:
    """Why a mutant of this name is equivalent; None if no row says so."""
    return next((reason for pattern, reason in EQUIVALENT if re.fullmatch(pattern, name)), None)
