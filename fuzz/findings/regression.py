"""A finding as a pytest file: machine, program, schedule and variant spelled out; run before it is handed over.

Two forms: one that documents a bug is green as long as the bug is there; a strict one is red until it is gone, on the
variant that --percpu-variant of the pytest plugin names, else on the finding's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.scenario import Finding
from percpu_fuzz.engine.variant import VARIANTS, Variant
from percpu_fuzz.fuzz.findings.explain import explained
from percpu_fuzz.fuzz.findings.lanes import lanes
from percpu_fuzz.strategies.run.replay import Violation, run_scenario

COLUMNS = 110
IMPORT_COLUMNS = 120
FOUND = "as percpu-fuzz found and shrank it"  # stands in the first line of every such file


@dataclass(frozen=True, slots=True)
class Regression:
    """Files by name: the test, and beside it the file with the variant's own steps, if there are any."""

    name: str
    text: str
    beside: dict[str, str]


def verdict(finding: Finding, variant: Variant) -> Violation:
    """How the finding's violation shows on its variant. ScenarioError if it does not, or if `fixed` shows anything."""
    broken = run_scenario(finding.scenario, variant).broken(finding.invariant)
    if broken is None:
        raise ScenarioError(
            "regress", f"{finding.invariant} holds on {variant.name}", "a finding that is red on its variant"
        )
    green = run_scenario(finding.scenario, VARIANTS["fixed"], lenient=True)
    if green.violations:
        shown = ", ".join(violation.invariant for violation in green.violations)
        raise ScenarioError("regress", f"fixed breaks {shown} on the same case", "a finding that is green on fixed")
    return broken


def regression_of(finding: Finding, variant: Variant, strict: bool = False) -> Regression:
    """The test file of a finding; errors as `verdict`."""
    broken = verdict(finding, variant)
    steps, _ = lanes(finding.scenario, variant, until=finding.invariant)
    slug = re.sub(r"[^a-z0-9]+", "_", f"{finding.invariant}_{finding.variant}_{broken.label}".lower())
    names = {"VARIANTS", "Cpu", "Memcg", "Node", "Op", "Program", "Scenario", "Switch", "Task", "Topology"}
    names |= names_in_source(variant) | ({"Variant"} if strict else set())
    beside = file_beside(variant)
    text = TEMPLATE.format(
        title=f"{finding.invariant} on {variant.name}, {FOUND}.",
        story="\n".join(explained(finding, variant, broken, steps)),
        path="from pathlib import Path\n\n" if beside else "",
        imports=import_of(names | {"run_scenario"}),
        topology=source_of(finding.scenario.topology, 1),
        program=source_of(finding.scenario.program, 1),
        schedule=source_of(finding.scenario.schedule, 1),
        variant=source_of_variant(variant),
        test=(STRICT if strict else DOCUMENTS).format(
            slug=slug, title=variant.name, invariant=finding.invariant, label=broken.label, want=broken.want,
            found=broken.found,
        ),
    )  # fmt: skip
    return Regression(f"test_{slug}.py", text, beside)


def file_beside(variant: Variant) -> dict[str, str]:
    """The file that a test of a variant needs beside it: name and text; none of a variant without steps of its own."""
    own = variant.own
    return {Path(own.path).name: own.text} if own is not None and own.has_code else {}


def names_in_source(variant: Variant) -> set[str]:
    """What source_of_variant's expression needs of the package."""
    if variant == VARIANTS.get(variant.name):
        return {"VARIANTS"}
    return {"Variant", "with_steps"} if file_beside(variant) else {"Variant"}


def import_of(names: Iterable[str]) -> str:
    """The import of these names of the package, as ruff sorts and breaks it: constants, classes, functions."""
    ordered = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    line = f"from percpu_fuzz import {', '.join(ordered)}"
    if len(line) <= IMPORT_COLUMNS:
        return line
    return "from percpu_fuzz import (\n" + "".join(f"    {name},\n" for name in ordered) + ")"


def source_of_variant(variant: Variant) -> str:
    """The expression that makes it: a name of the engine's, or a literal, with the steps of the file beside it."""
    if variant == VARIANTS.get(variant.name):
        return f"VARIANTS[{variant.name!r}]".replace("'", '"')
    given = {name: getattr(variant, name) for name in ("name", "summary")} | changed_choices(variant)
    literal = _bracketed("Variant(", [f"{name}={value!r}" for name, value in given.items()], ")", 1, False)
    if variant.own is not None and variant.own.has_code:
        return f"with_steps({literal}, Path(__file__).with_name({Path(variant.own.path).name!r}))"
    return literal + (f".claiming({variant.judge})" if variant.judge else "")


def changed_choices(variant: Variant) -> dict[str, Any]:
    """Fields that have not their default, name and summary apart."""
    told = [f for f in fields(Variant) if f.init and f.name not in ("name", "summary", "own")]
    return {f.name: getattr(variant, f.name) for f in told if getattr(variant, f.name) != f.default}


TEMPLATE = '''"""{title}

{story}
"""

{path}{imports}

# fmt: off
TOPOLOGY = {topology}

PROGRAM = {program}

SCHEDULE = {schedule}

VARIANT = {variant}
# fmt: on

{test}

def test_fixed_holds() -> None:
    """The reference upholds every invariant in the same case."""
    assert run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANTS["fixed"], lenient=True).violations == ()


__all__ = ["Cpu", "Memcg", "Node", "Op", "Switch", "Task"]
'''

DOCUMENTS = '''
def test_{slug}() -> None:
    """{title} breaks {invariant} in this case; the test documents it."""
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), VARIANT).broken("{invariant}")
    assert broken is not None
    assert (broken.label, broken.want, broken.found) == ("{label}", {want}, {found})
'''

STRICT = '''
def test_{slug}(percpu_variant: Variant | None) -> None:
    """{invariant} holds in this case: red on {title} until the bug is gone; --percpu-variant judges another one."""
    judged = percpu_variant or VARIANT
    broken = run_scenario(Scenario(TOPOLOGY, PROGRAM, SCHEDULE), judged, lenient=True).broken("{invariant}")
    assert broken is None, f"{{judged.name}}: expected {{broken.want}}, found {{broken.found}} at {{broken.label}}"
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
