"""Errors about what a user gave: each is one clear line and carries its parts as attributes."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input: what was given, where, and what is allowed. The command line turns it into exit status 2."""

    def __init__(self, where: str, given: str, allowed: str) -> None:
        self.where = where
        self.given = given
        self.allowed = allowed
        super().__init__(f"{where}: {given}; allowed: {allowed}")


class TopologyError(InputError):
    """A machine that cannot exist."""


class ScenarioError(InputError):
    """A scenario that cannot be run: malformed, too large for every size class, or written for another engine."""
