"""What the named values of a store must look like: a file may have been written by anybody."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.topology import MAX_CPUS, MAX_NODES
from percpu_fuzz.reports.lanes import Line
from percpu_fuzz.reports.stored_rows import (
    FailedBatch,
    FindingFacts,
    Number,
    OperationRow,
    StrandingRow,
    UnreachedRow,
)

# As engine.shown.shell_line writes it: nothing that a shell would do more with than to take it as a word.
WORD = r"""(?:[A-Za-z0-9_@%+=:,./-]|'[ -&(-~]*'|"'"|\$'(?:[ -&(-\[\]-~]|\\[ -~])*')+"""
Command = Annotated[str, msgspec.Meta(pattern=rf"^percpu-fuzz (?:run|merge)(?: {WORD})*\Z")]
Seconds = Annotated[float, msgspec.Meta(ge=0)]


class _Describe(msgspec.Struct):
    variant: str
    seed: int
    families: dict[str, Number]


class _Finding(FindingFacts):
    steps: list[Line] = msgspec.field(default_factory=list)


class _Operations(OperationRow):
    machine: str
    touched: Number
    size_bytes: Number


class _Ran(msgspec.Struct):
    seconds: Seconds = 0.0
    compile_seconds: Seconds = 0.0
    interrupted: bool = False
    stopped_by: str = "not recorded"
    workers: Number = 0
    budget_cases: Number | None = None
    budget_seconds: Seconds | None = None
    prefix: Annotated[list[Number], msgspec.Meta(min_length=2, max_length=2)] | None = None
    shrunk: Annotated[list[Number], msgspec.Meta(min_length=2, max_length=2)] | None = None
    stop: str | None = None


class _Here(msgspec.Struct):
    unknown: str = ""
    nodes: Annotated[int, msgspec.Meta(ge=1, le=MAX_NODES)] = 1
    cpus: Annotated[int, msgspec.Meta(ge=1, le=MAX_CPUS)] = 1
    page_size: Number = 0
    assumed: list[str] = []
    cases: Number = 0
    histograms: dict[str, list[tuple[int, Number]]] = {}
    counts: dict[str, Number] = {}


SHAPES: dict[str, Any] = {
    "describe": dict[str, Any],
    "given": dict[str, str],
    "command": Command,
    "findings": list[_Finding],
    "failed": list[FailedBatch],
    "operations": list[_Operations],
    "stranding": list[StrandingRow],
    "unreached": list[UnreachedRow],
    "here": _Here,
    "versions": dict[str, str],
    "began": str,
    "own_files": dict[str, str],
    "ran": _Ran,
    "shard": Annotated[list[Number], msgspec.Meta(min_length=2, max_length=2)] | None,
    "elapsed": Seconds,
    "compile_seconds": Seconds,
    "exit": Literal[0, 1, 2, 3, 4] | None,
}


def decoded(rows: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Values by name, from their JSON: plain data, each of its declared shape, with what holds where a part is missing.

    Others than the declared names are let be. ValueError that says where, if one is not what this release writes. Not
    msgspec's reader of JSON: it has no half characters, and a path need not be UTF-8.
    """
    found = {}
    for key, text in rows:
        if key in SHAPES:
            try:
                found[key] = msgspec.to_builtins(msgspec.convert(json.loads(text), SHAPES[key]))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise ValueError(f"{key}: {error}") from None
    return found


def checked(named: Mapping[str, Any]) -> dict[str, Any]:
    """How the campaign ended, by name, with what holds where it has not.

    ValueError for values by name that are no campaign's.
    """
    missing = [key for key in ("describe", "command") if key not in named]
    if missing:
        raise ValueError(f"no {missing[0]}")
    try:
        described = msgspec.convert(named["describe"], _Describe)
    except msgspec.ValidationError as error:
        raise ValueError(f"describe: {error}") from None
    if not any(described.families.values()):
        raise ValueError("describe: no family has a weight")
    for row in named.get("findings", ()):
        for name in (row["invariant"], *row["invariants"], *row["breaks"]):
            if name not in INVARIANT_NAMES:
                raise ValueError(f"findings name the invariant {name!r}")
    ran: dict[str, Any] = msgspec.structs.asdict(_Ran()) | named.get("ran", {})
    return ran
