"""Functions that follow from declarations: what rows hold before the first step, and which step runs at a label.

Each is made as text and compiled as any other: numba sees the assignments and comparisons that one would write by hand.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from percpu_fuzz.engine.core import labels
from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import Field


def made(name: str, source: str, scope: dict[str, Any], where: str = "what is declared") -> FunctionType:
    """The function of this name with the source, made from `where`."""
    exec(compile(source, f"<{name} of {where}>", "exec"), scope)
    function: FunctionType = scope[name]
    return function


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
    return compiled(made(name, "\n".join(lines), {"__name__": __name__}))


def piece(*named: Any, **at: Any) -> Any:
    """A compiled function of (topo, prog, st, t, label), which runs the step at each label; `steps` of it by label.

    named: steps called as their labels are, in small letters: al_mutex at AL_MUTEX. at: other steps, by label.
    """
    steps = {getattr(labels, step.__name__.upper()): step for step in named}
    steps |= {getattr(labels, label): step for label, step in at.items()}
    function = chosen(f"{named[0].__name__}_and_more", "label", list(steps.items()), {})
    function.steps = steps
    return compiled(function)


def all_pieces(*pieces: Any, otherwise: Any) -> Any:
    """A compiled function of (topo, prog, st, t, label), which goes by a table to the piece that has the label.

    A step stands for a piece of itself alone. otherwise: what has every label that no piece has. Of it: `steps` by
    label; `pieces`, the last being `otherwise`, and `piece_of`: by label, the piece's number.
    """
    place = {label: i for i, one in enumerate(pieces) for label in steps_of(one)}
    table = tuple(place.get(label, len(pieces)) for label in range(len(labels.NAMES)))
    function: Any = chosen("perform", "piece_of[label]", list(enumerate((*pieces, otherwise))), {"piece_of": table})
    function.steps = {label: step for one in pieces for label, step in steps_of(one).items()}
    function.pieces, function.piece_of = (*pieces, otherwise), table
    return compiled(function)


def steps_of(one: Any) -> dict[int, Any]:
    """By label, the steps of a piece, or the one step."""
    return getattr(one, "steps", None) or {getattr(labels, one.__name__.upper()): one}


def chosen(name: str, asked: str, branches: list[tuple[int, Any]], scope: dict[str, Any]) -> Any:
    """A function of (topo, prog, st, t, label) that calls what stands beside the number that `asked` is."""
    lines = [f"def {name}(topo, prog, st, t, label):", f"    number = {asked}"]
    for i, (number, called) in enumerate(branches):
        code, word = called.py_func.__code__, "elif" if i else "if"
        scope[code.co_name] = called
        lines += [f"    {word} number == {number}:", f"        {code.co_name}({given_to(code)})"]
    return made(name, "\n".join(lines), {"__name__": __name__, **scope})


def given_to(code: Any) -> str:
    """The names of a function's parameters, as the call of it has them."""
    return ", ".join(code.co_varnames[: code.co_argcount])
