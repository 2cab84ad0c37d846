"""What the named values of a store must look like: a file may have been written by anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.reports.lanes import Line

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Stream = Literal["measurement", "hunting"]


class _Describe(msgspec.Struct):
    variant: str
    seed: int
    families: dict[str, Count]


class _Finding(msgspec.Struct):
    file: str
    stream: Stream
    k: Count
    case: Count
    invariant: str
    variant: str
    label: str
    hazards: list[Count]
    shape: str = ""
    alike: Count = 0
    invariants: list[str] = []
    breaks: list[str] = []
    cut_short: bool = False
    explanation: list[str] = []
    lanes: list[str] = []  # as earlier versions drew them
    steps: list[Line] = []
    nodes: list[dict[str, int]] = []
    elsewhere: dict[str, list[str]] = {}
    size: list[Count] = []
    breaks_first: bool = False


class _Failed(msgspec.Struct):
    stream: Stream
    k: Count
    case: Count | None
    cases: Count
    tries: Annotated[list[str], msgspec.Meta(min_length=1)]
    traceback: str


class _Ran(msgspec.Struct):
    seconds: Seconds = 0.0
    compile_seconds: Seconds = 0.0
    interrupted: bool = False
    stopped_by: str = "not recorded"
    workers: Count = 0
    budget_cases: Count | None = None
    budget_seconds: Seconds | None = None
    prefix: Annotated[list[Count], msgspec.Meta(min_length=2, max_length=2)] | None = None
    shrunk: Annotated[list[Count], msgspec.Meta(min_length=2, max_length=2)] | None = None
    stop: str | None = None


class _Stranding(msgspec.Struct):
    variant: str
    nodes: Count
    headroom: Count
    granted: Count


class _Unreached(msgspec.Struct):
    cases: Count
    places: Count
    excused: dict[str, Count]
    never: list[str]


class _Named(msgspec.Struct):
    describe: _Describe
    command: str
    findings: list[_Finding] = []
    failed: list[_Failed] = []
    operations: list[dict[str, Any]] = []
    stranding: list[_Stranding] = []
    unreached: list[_Unreached] = []
    ran: _Ran = msgspec.field(default_factory=_Ran)
    shard: Annotated[list[Count], msgspec.Meta(min_length=2, max_length=2)] | None = None
    elapsed: Seconds = 0.0
    given: dict[str, str] = {}
    began: str = ""
    versions: dict[str, str] = {}
    own_files: dict[str, str] = {}


def checked(named: Mapping[str, Any]) -> dict[str, Any]:
    """How the campaign ended, by name, with what holds where it has not. Unknown values are let be.

    ValueError that says where, if a named value is not what this release writes.
    """
    try:
        found = msgspec.convert(dict(named), _Named)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    for row in found.findings:
        for name in (row.invariant, *row.invariants, *row.breaks):
            if name not in INVARIANT_NAMES:
                raise ValueError(f"findings name the invariant {name!r}")
    return msgspec.structs.asdict(found.ran)
