"""The engine's functions by name: those that a file may replace, those that a step at OWN_1 to OWN_16 goes through."""

from __future__ import annotations

import difflib
import inspect
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import FunctionType
from typing import Any

from percpu_fuzz.engine import case, kernel
from percpu_fuzz.engine.core import hooks, primitives

REPLACEABLE = (primitives, *(
    import_module(f"{folder.__name__}.{one.name}") for folder in (case, kernel) for one in iter_modules(folder.__path__)
))  # fmt: skip


@cache
def engine_functions() -> dict[str, FunctionType]:
    """What a file may replace, as plain Python, by name. What judges is not among it."""
    found: dict[str, FunctionType] = {}
    for module in REPLACEABLE:
        for name, value in vars(module).items():
            source: Any = getattr(value, "py_func", None)
            if source is not None and source.__module__ == module.__name__:
                found[name] = source
    holders: Any = hooks.own_holders
    return found | {"own_holders": holders.py_func}


def nearest(name: str) -> str:
    """The name of the engine that is most like one that it does not have; the empty text if none is."""
    near = difflib.get_close_matches(name, engine_functions(), 1)
    return near[0] if near else ""


def parameters_of(function: FunctionType) -> tuple[str, ...]:
    """The names of a function's parameters."""
    return tuple(inspect.signature(function).parameters)
