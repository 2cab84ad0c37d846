"""Errors that say the harness itself is broken; the command line turns them into exit status 3."""

from __future__ import annotations


class HarnessError(Exception):
    """The campaign's own machinery failed: a worker that cannot start, or results that do not repeat."""


class BatchError(HarnessError):
    """A batch raised. Carries where (stream, k, seed), what, and the worker's traceback."""

    def __init__(self, stream: str, k: int, seed: object, what: str, traceback: str) -> None:
        self.stream = stream
        self.k = k
        self.seed = seed
        self.what = what
        self.traceback = traceback
        super().__init__(f"{stream} batch {k} of seed {seed} raised {what}")
