"""A finding as a pytest file: machine, program and schedule spelled out; run before it is handed over."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any

from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.scenario import Finding
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.findings.explain import explained
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.strategies.run.replay import Violation, run_scenario

COLUMNS = 110


def verdict(finding: Finding) -> Violation:
    """How the finding's violation shows on its variant. ScenarioError if it does not, or if `fixed` shows anything."""
    broken = run_scenario(finding.scenario, VARIANTS[finding.variant]).broken(finding.invariant)
    if broken is None:
        raise ScenarioError(
            "regress", f"{finding.invariant} holds on {finding.variant}", "a finding that is red on its variant"
        )
    green = run_scenario(finding.scenario, VARIANTS["fixed"], lenient=True)
    if green.violations:
        shown = ", ".join(violation.invariant for violation in green.violations)
        raise ScenarioError("regress", f"fixed breaks {shown} on the same case", "a finding that is green on fixed")
    return broken


def regression_of(finding: Finding, source: str) -> tuple[str, str]:
    """(file name, text) of the test file; errors as `verdict`."""
    broken = verdict(finding)
    steps, _ = lanes(finding.scenario, VARIANTS[finding.variant], until=finding.invariant)
    slug = re.sub(r"[^a-z0-9]+", "_", f"{finding.invariant}_{finding.variant}_{broken.label}".lower())
    text = TEMPLATE.format(
        title=f"{finding.invariant} on {finding.variant}, as percpu-fuzz found and shrank it.",
        story="\n".join(explained(finding, broken, steps)),
        topology=source_of(finding.scenario.topology, 1),
        program=source_of(finding.scenario.program, 1),
        schedule=source_of(finding.scenario.schedule, 1),
        slug=slug,
        variant=finding.variant,
        invariant=finding.invariant,
        label=broken.label,
        want=broken.want,
        found=broken.found,
    )
    return f"test_{slug}.py", text


TEMPLATE = '''"""{title}

{story}
"""

from percpu_fuzz import VARIANTS, Cpu, Memcg, Node, Op, Program, Scenario, Switch, Task, Topology, run_scenario

# fmt: off
TOPOLOGY = {topology}

PROGRAM = {program}

SCHEDULE = {schedule}
# fmt: on


def test_{slug}() -> None:
    """{variant} breaks {invariant} in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["{variant}"]).broken("{invariant}")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("{label}", {want}, {found})


def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
'''


def source_of(value: Any, depth: int) -> str:
    """A noun as the Python expression that makes it, fields that have their default left out."""
    if isinstance(value, tuple):
        return _bracketed("(", [source_of(item, depth + 1) for item in value], ")", depth, len(value) == 1)
    if not hasattr(value, "__dataclass_fields__"):
        return repr(value)
    parts = []
    for field in fields(value):
        given = getattr(value, field.name)
        if field.default is MISSING or given != field.default:
            parts.append(f"{field.name}={source_of(given, depth + 1)}")
    return _bracketed(f"{type(value).__name__}(", parts, ")", depth, False)


def _bracketed(begin: str, parts: list[str], end: str, depth: int, comma: bool) -> str:
    line = begin + ", ".join(parts) + ("," if comma else "") + end
    if len(line) + 4 * depth <= COLUMNS and "\n" not in line:
        return line
    return begin + "\n" + "".join(_indented(parts, depth)) + "    " * (depth - 1) + end


def _indented(parts: list[str], depth: int) -> Iterable[str]:
    for part in parts:
        yield "    " * depth + part + ",\n"
