"""Rows that a campaign stores by name and reports show as they are: what each of them holds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Signed = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
# As Python and JSON Schema both read it: nothing behind the end, no line feed either.
StreamName = Annotated[str, Meta(pattern=r"^(measurement|hunting)$(?!\n)")]
File = Annotated[str, Meta(pattern=r"^findings/[A-Za-z0-9_.-]+$(?!\n)")]


class FailedBatch(Struct):
    """A batch that could not be run; case: the one at which it failed, where that is known."""

    stream: StreamName
    k: Number
    case: Number | None
    cases: Number
    tries: Annotated[list[str], Meta(min_length=1)]
    traceback: str


class FindingNode(Struct):
    """Bytes charged to a node and pages counted there, at the moment when most bytes were charged."""

    node: Number
    bytes: Signed
    pages: Signed
    page_size: Number


class FindingFacts(Struct):
    """A finding without its steps; file: relative to the campaign's folder."""

    file: File
    stream: StreamName
    k: Number
    case: Number
    invariant: str
    variant: str
    label: str
    hazards: list[Number]
    shape: str = ""
    alike: Number = 0
    invariants: list[str] = []
    breaks: list[str] = []
    cut_short: bool = False
    explanation: list[str] = []
    nodes: list[FindingNode] = []
    elsewhere: dict[str, list[str]] = {}
    size: list[Number] = []
    breaks_first: bool = False


class OperationRow(Struct):
    """Calls into memcg that one alloc and one free take on a machine."""

    nodes: Number
    cpus: Number
    variant: str
    alloc_ops: Number
    free_ops: Number


class StrandingRow(Struct):
    """How many of a row of equal allocations succeed on a machine of so many nodes, with pages of headroom left."""

    variant: str
    nodes: Number
    headroom: Number
    granted: Number


class UnreachedRow(Struct):
    """What a sample of cases never reaches: steps and sides of conditions, for known reasons (excused), and others."""

    cases: Number
    places: Number
    excused: dict[str, Number]
    never: list[str]
