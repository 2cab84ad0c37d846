"""What every finding's file says of itself: the line that replays it, and the versions it was found with."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

from percpu_fuzz.engine.core.compiled import code_at_start
from percpu_fuzz.engine.scenario import Finding
from percpu_fuzz.engine.shown import shell_line


def package_version(name: str = "percpu-fuzz") -> str:
    """Of this project, or of another one, as it is installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def replay_line(file: str, variant: str) -> str:
    """The command that replays a finding, quoted for a shell."""
    return shell_line(["percpu-fuzz", "replay", file, "--variant", variant])


def with_provenance(finding: Finding, file: str) -> Finding:
    """The finding as it stands in `file`. file: relative to the output folder, which may be moved, or as it was typed.

    code: digest of the sources that found it; a finding that is shrunk once more keeps the first one.
    """
    marks = {"replay": replay_line(file, finding.variant), "version": package_version()}
    return replace(finding, origin={"code": code_at_start()} | finding.origin | marks)
