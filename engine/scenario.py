"""Scenario: Topology + Program + Schedule, equal iff it replays equally; one JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.core.labels import NAMES
from percpu_fuzz.engine.errors import ScenarioError
from percpu_fuzz.engine.program import FAIL_FIELDS, Memcg, Program, Task
from percpu_fuzz.engine.topology import Topology
from percpu_fuzz.engine.topology_file import TopologyRow, row_of, row_type, topology_of

FINDING_SCHEMA = 1
LATER = ("fail_charge", "fail_space", "fail_node")  # a file without them injects none
MOST_DRY_NODE = 127  # a node's index + 1, as a Prog record holds it
MOST_TASK, MOST_PASSED = 127, (1 << 31) - 1  # what a schedule's record holds


@dataclass(frozen=True, slots=True)
class Switch:
    """The running task stops before `label`, which the case's task has passed `passed` times since the start.

    `task` runs from here until that point; label "" means to the end of the case.
    """

    task: int
    label: str
    passed: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """What replays: the machine, the program, and who runs when."""

    topology: Topology
    program: Program
    schedule: tuple[Switch, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A scenario with where it came from and what it showed; `origin` is for people, nothing is computed from it."""

    scenario: Scenario
    variant: str
    invariant: str
    origin: dict[str, Any] = field(default_factory=dict)


NEEDED = {
    Task: ("cpu", "memcg", "irq", "ops"), Memcg: ("max_pages", "user_pages"),
    Program: [field.name for field in fields(Program) if field.name not in LATER],
}  # fmt: skip
ProgramRow = row_type(Program, NEEDED, types=dict.fromkeys(("probe", *FAIL_FIELDS), list[int]))
FindingRow = msgspec.defstruct(
    "FindingRow",
    [
        ("schema", int), ("variant", str), ("invariant", str), ("topology", TopologyRow), ("program", ProgramRow),
        ("schedule", list[tuple[int, str, int]]), ("origin", dict[str, Any], msgspec.field(default_factory=dict)),
    ],
    forbid_unknown_fields=True,
)  # fmt: skip


def dump_finding(finding: Finding) -> bytes:
    """Canonical JSON: sorted keys, ASCII, one line end at the end."""
    scenario = finding.scenario
    row = {
        "schema": FINDING_SCHEMA,
        "variant": finding.variant,
        "invariant": finding.invariant,
        "topology": row_of(scenario.topology),
        "program": _program_row(scenario.program),
        "schedule": [[s.task, s.label, s.passed] for s in scenario.schedule],
        "origin": finding.origin,
    }
    return (json.dumps(row, sort_keys=True, indent=1, ensure_ascii=True) + "\n").encode()


def _program_row(program: Program) -> dict[str, Any]:
    """The program as JSON; failures that came later are left out where they inject nothing."""
    row: dict[str, Any] = msgspec.to_builtins(program)
    return {name: value for name, value in row.items() if name not in LATER or any(value)}


def load_finding(text: bytes, where: str) -> Finding:
    """Read a scenario file; ScenarioError in one line for what is malformed, TopologyError for the machine."""
    try:
        row: Any = msgspec.json.decode(text, type=FindingRow)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ScenarioError(where, " ".join(str(error).split()), "a scenario file, schema 1") from None
    if row.schema != FINDING_SCHEMA:
        raise ScenarioError(where, f"schema {row.schema}", str(FINDING_SCHEMA))
    for task, label, passed in row.schedule:
        if not 0 <= passed <= MOST_PASSED:
            raise ScenarioError(where, f"schedule passes {label!r} {passed} times", f"0 to {MOST_PASSED}")
        if label and label not in NAMES:
            raise ScenarioError(where, f"schedule names the step {label!r}", "a label of docs/MODEL.md")
        if not 0 <= task <= MOST_TASK:
            raise ScenarioError(where, f"schedule names task {task}", f"0 to {MOST_TASK}")
    if row.invariant not in INVARIANT_NAMES:
        raise ScenarioError(where, f"invariant {row.invariant!r}", ", ".join(INVARIANT_NAMES))
    schedule = tuple(Switch(task, label, passed) for task, label, passed in row.schedule)
    scenario = Scenario(topology_of(row.topology, where), _program(row.program, where), schedule)
    return Finding(scenario, row.variant, row.invariant, row.origin)


def _program(row: Any, where: str) -> Program:
    for name in FAIL_FIELDS:
        given, most = getattr(row, name), MOST_DRY_NODE if name == "fail_node" else 1
        if len(given) != 8 or not set(given) <= set(range(most + 1)):
            raise ScenarioError(where, f"{name} {given}", f"eight entries of 0 {'or' if most == 1 else 'to'} {most}")
    if len(row.probe) != 2:
        raise ScenarioError(where, f"probe {row.probe}", "[task, operation]")
    return msgspec.convert(row, Program, from_attributes=True)
