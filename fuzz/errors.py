"""What a command ends with: the exit statuses of the interface contract, and the error of a broken harness."""

from __future__ import annotations

CLEAN, VIOLATED, BAD_INPUT, BROKEN, INCONCLUSIVE = range(5)


class HarnessError(Exception):
    """The campaign's own machinery failed: a worker that cannot start, or results that do not repeat. BROKEN."""
