"""Errors about what a user gave: each is one clear line and carries its parts as attributes."""

from __future__ import annotations

from percpu_fuzz.engine.shown import shown

PART_MOST = 1000  # characters of each part that a message shows


def _part(text: str) -> str:
    line = shown(" ".join(text.split()))
    return line if len(line) <= PART_MOST else f"{line[:PART_MOST]}..."


class InputError(ValueError):
    """Bad input: what was given, where, and what is allowed. The command line turns it into exit status 2.

    The message is one line, whatever the parts hold, which may come from a file.
    """

    def __init__(self, where: str, given: str, allowed: str) -> None:
        self.where = where
        self.given = given
        self.allowed = allowed
        super().__init__(f"{_part(where)}: {_part(given)}; allowed: {_part(allowed)}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """From another process it comes as it was: an exception's own way knows the message alone."""
        return type(self), (self.where, self.given, self.allowed)


class TopologyError(InputError):
    """A machine that cannot exist."""


class ScenarioError(InputError):
    """A scenario that cannot be run: malformed, too large for every size class, or written for another engine."""
