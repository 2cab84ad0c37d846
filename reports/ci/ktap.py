"""KTAP, version 1: the kernel's own Test Anything Protocol (Documentation/dev-tools/ktap.rst)."""

from __future__ import annotations

from percpu_fuzz.reports.ci.verdicts import SKIP, verdicts
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import plain


def ktap(figures: Figures, exit_status: int) -> str:
    """A plan, then a result line for each verdict; diagnostic lines stand before the result that they are about."""
    rows = verdicts(figures, exit_status)
    lines = ["KTAP version 1", f"1..{len(rows)}"]
    for number, row in enumerate(rows, 1):
        lines += [f"# {plain(line)}" for line in row.said_with_file]
        result = "not ok" if row.failed else "ok"
        name = plain(row.name).replace("#", " ").replace(" ", "_")
        reason = f" # SKIP {plain(row.lines[0]).replace('#', ' ')}" if row.status == SKIP else ""
        lines.append(f"{result} {number} {name}{reason}")
    return "\n".join(lines) + "\n"
