"""Which fields of State a step can write, by the piece of the model that it is in: the search compares no others.

Read from the source of every function that the step reaches. What is not understood counts as written: a field whose
array is given to a function or a name, and every field that a function without source names. A variant's own steps can
write anything, so there every field is compared.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.case.step import perform
from percpu_fuzz.engine.core.declare import fields_of
from percpu_fuzz.engine.core.records import State
from percpu_fuzz.strategies.explore.model import may_step, ready_mask, take_step

Function = Callable[..., Any]
AROUND: tuple[Function, ...] = (take_step, may_step, ready_mask)  # what the search calls at every step
STATE_FIELDS = frozenset(fields_of(State))
NUMBERS = frozenset(name for name, field in fields_of(State).items() if not field.dims)


@cache
def fields_written() -> tuple[frozenset[str], ...]:
    """By label: the fields of State that taking its step, with its checks and with asking who may step, can write."""
    pieces = {_plain(piece) for piece in perform.pieces}
    around = written_by(AROUND, stop=pieces)
    by_piece = [around | written_by([piece]) for piece in perform.pieces]
    return tuple(by_piece[piece] for piece in perform.piece_of)


def written_by(functions: Iterable[Function], stop: Collection[Function] = ()) -> frozenset[str]:
    """The fields that functions write, and all that they reach but for those in `stop`."""
    seen: set[Function] = set()
    left, found = [_plain(function) for function in functions], frozenset[str]()
    while left:
        function = left.pop()
        if function in seen or function in stop:
            continue
        seen.add(function)
        fields, called = _looked_at(function)
        found |= fields
        left += called
    return found


def _plain(function: Any) -> Function:
    source: Function = getattr(function, "py_func", function)
    return source


@cache
def _looked_at(function: Function) -> tuple[frozenset[str], tuple[Function, ...]]:
    """The fields that a function writes itself, and the compiled functions that it names."""
    code, scope = function.__code__, function.__globals__
    called = tuple(_plain(scope[name]) for name in code.co_names if hasattr(scope.get(name), "py_func"))
    tree = _definitions(code.co_filename).get(code.co_name)
    if tree is None:  # made of what is declared (engine/core/derived.py)
        return STATE_FIELDS & frozenset(code.co_names), called
    read = {id(node) for node in _only_read(tree)}
    named = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in STATE_FIELDS)
    return frozenset(node.attr for node in named if id(node) not in read), called


@cache
def _definitions(path: str) -> dict[str, ast.FunctionDef]:
    """The functions of a file of ours by name; none of what is no file, whatever lies in the current folder."""
    if not (Path(path).is_absolute() and Path(path).is_file()):
        return {}
    return {node.name: node for node in ast.parse(Path(path).read_bytes()).body if isinstance(node, ast.FunctionDef)}


def _only_read(tree: ast.AST) -> Iterable[ast.AST]:
    """Fields of which one element, the length, or a number is read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            yield node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len":
            yield from node.args
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in NUMBERS:
            yield node
