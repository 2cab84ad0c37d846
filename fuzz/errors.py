"""Errors that say the harness itself is broken; the command line turns them into exit status 3."""

from __future__ import annotations


class HarnessError(Exception):
    """The campaign's own machinery failed: a worker that cannot start, or results that do not repeat."""
