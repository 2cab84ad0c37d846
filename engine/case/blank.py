"""Functions that make rows of a record what they are before the first step, from the record's own declaration.

A field says there what it holds then; so none is forgotten, and none stands in a second list.
"""

from __future__ import annotations

from typing import Any

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Field


def blanking(record: type, *dims: str, only: str = "", kept: tuple[str, ...] = ()) -> Any:
    """A compiled function of (record, an index for each of `dims`): writes every field that has just these dimensions.

    only: what the names of those meant begin with; kept: names that are left as they are.
    """
    name = "_".join(["blank", *dims, only.rstrip("_")]).rstrip("_")
    rows = [f"i{place}" for place in range(len(dims))]
    at = f"[{', '.join(rows)}]" if rows else ""
    lines = [f"def {name}({', '.join(['record', *rows])}):"]
    for field, declared in vars(record).items():
        if isinstance(declared, Field) and declared.dims == dims and field.startswith(only) and field not in kept:
            lines.append(f"    record.{field}{at} = {declared.blank}")
    scope: dict[str, Any] = {"__name__": __name__}
    exec("\n".join(lines), scope)
    return compiled(scope[name])
