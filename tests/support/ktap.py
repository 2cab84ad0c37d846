"""A strict reader of KTAP version 1 without nested tests: the grammar of Documentation/dev-tools/ktap.rst."""

from __future__ import annotations

import re

RESULT = re.compile(r"(ok|not ok) ([1-9][0-9]*) ([^# ][^#]*?)(?: # (SKIP|TODO|XFAIL|TIMEOUT|ERROR)(?: (.*))?)?")


def read_ktap(text: str) -> list[tuple[bool, str, str | None]]:
    """(passed, name, directive) of each result. ValueError names the first line that the grammar does not allow."""
    lines = text.splitlines()
    if not text.endswith("\n") or lines[:1] != ["KTAP version 1"]:
        raise ValueError("line 1")
    plan = re.fullmatch(r"1\.\.([0-9]+)", lines[1])
    if plan is None:
        raise ValueError("line 2")
    found: list[tuple[bool, str, str | None]] = []
    for number, line in enumerate(lines[2:], 3):
        if line.startswith("# ") or line == "#":
            continue
        result = RESULT.fullmatch(line)
        if result is None or int(result[2]) != len(found) + 1:
            raise ValueError(f"line {number}: {line}")
        found.append((result[1] == "ok", result[3], result[4]))
    if len(found) != int(plan[1]):
        raise ValueError(f"{len(found)} results, {plan[1]} planned")
    return found
