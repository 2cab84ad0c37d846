"""Topology files: a Topology as canonical JSON, and back. The file says `"schema": 1`; unknown fields are refused."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import GenericAlias
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from percpu_fuzz.engine.errors import TopologyError
from percpu_fuzz.engine.topology import Topology

TOPOLOGY_SCHEMA: Literal[1] = 1
ALLOWED = f"a topology file of schema {TOPOLOGY_SCHEMA}"


def row_type(
    kind: Any, needed: Mapping[type, Collection[str]] = {}, more: Iterable[Any] = (), types: Mapping[str, Any] = {}
) -> Any:
    """The msgspec struct of a dataclass and of those in its fields, as a file has them: unknown fields are refused.

    needed: by dataclass, fields that may not be missing though they have a default; more: fields that the file alone
    has, as msgspec.defstruct takes them; types: of fields that are not as the dataclass has them. msgspec.convert with
    from_attributes makes the dataclass of a row.
    """
    hints = get_type_hints(kind)
    rows = [*more]
    for field in fields(kind):
        hint = types.get(field.name, hints[field.name])
        if get_args(hint) and is_dataclass(get_args(hint)[0]):
            hint = GenericAlias(tuple, (row_type(get_args(hint)[0], needed), ...))
        default = () if field.default is MISSING or field.name in needed.get(kind, ()) else (field.default,)
        rows.append((field.name, hint, *default))
    return msgspec.defstruct(kind.__name__, rows, frozen=True, forbid_unknown_fields=True, kw_only=True)


TopologyRow = row_type(Topology, more=[("schema", Literal[1]), ("assumed", tuple[str, ...], ())])


def row_of(topology: Topology, assumed: tuple[str, ...] = ()) -> dict[str, Any]:
    """A topology as a file has it; a node's movable_only and what was assumed stand there only if there is any."""
    row = {field.name: msgspec.to_builtins(getattr(topology, field.name)) for field in fields(topology)}
    for node in row["nodes"]:
        if not node["movable_only"]:
            del node["movable_only"]
    return {"schema": TOPOLOGY_SCHEMA} | row | ({"assumed": assumed} if assumed else {})


def topology_of(row: Any, where: str) -> Topology:
    """The topology that a row stands for. Raises TopologyError for a machine that cannot exist."""
    try:
        return msgspec.convert(row, Topology, from_attributes=True)
    except msgspec.ValidationError as error:
        wrong = error.__cause__
        assert isinstance(wrong, TopologyError)
        raise TopologyError(f"{where}, {wrong.where}", wrong.given, wrong.allowed) from None


def dump_topology(topology: Topology, assumed: tuple[str, ...] = ()) -> bytes:
    """Canonical JSON, one line of ASCII: sorted keys, no blanks, every field. Equal topologies give equal bytes.

    assumed: a sentence for each thing that had to be assumed of a real machine; without any the field is left out.
    """
    return _ascii(msgspec.json.encode(row_of(topology, assumed), order="sorted")) + b"\n"


def _ascii(text: bytes) -> bytes:
    """JSON with what is not ASCII as \\u and four digits, in pairs where that takes two."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else json.dumps(c)[1:-1] for c in text.decode()).encode()


def load_topology(data: bytes, where: str) -> Topology:
    """The inverse of dump_topology; fields that have a default may be missing.

    where: what to call the data in a message. Raises TopologyError, in one line, with the place of what is malformed.
    """
    try:
        row = msgspec.json.decode(data, type=TopologyRow)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TopologyError(where, " ".join(str(error).split()), ALLOWED) from None
    return topology_of(row, where)
