"""Mutants of a source file: one small change each, found by walking the syntax tree of every function."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True)
class SourceMutant:
    """A function with one change. place: which node of the function's walk; way: which change of that node.

    line: the first of the innermost statement that holds the node; statement: that line's words; number: which of the
    function's changes with the same words this is.
    """

    module: str
    function: str
    line: int
    statement: str
    what: str
    number: int
    place: int
    way: int

    @property
    def name(self) -> str:
        """Of its own, and the same wherever in the file the function stands."""
        return f"{self.module}.{self.function}: {self.statement} -- {self.what}" + f" #{self.number}" * (
            self.number > 1
        )


def functions_of(path: Path) -> dict[str, ast.FunctionDef]:
    """Compiled top-level functions of a file by name."""
    found = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return {node.name: node for node in found if node.decorator_list}


def mutants_of(module: str, function: ast.FunctionDef) -> Iterator[SourceMutant]:
    """Every change of every node; docstring, signature, decorators and planted slips are left alone."""
    holders, seen = _statements(function), Counter[tuple[str, str]]()
    for place, node in enumerate(_nodes(function)):
        if isinstance(node, ast.Compare | ast.If | ast.BoolOp) and "SLIP_" in ast.unparse(getattr(node, "test", node)):
            continue
        for way, (what, _) in enumerate(_changes(node)):
            holder = holders[node]
            words = ast.unparse(holder).splitlines()[0]
            seen[words, what] += 1
            yield SourceMutant(module, function.name, holder.lineno, words, what, seen[words, what], place, way)


def _statements(function: ast.FunctionDef) -> dict[ast.AST, ast.stmt]:
    """The innermost statement that each node belongs to; a statement belongs to itself."""
    found: dict[ast.AST, ast.stmt] = {}
    for statement in ast.walk(function):  # outer ones come before inner ones
        if isinstance(statement, ast.stmt):
            found.update((node, statement) for node in ast.walk(statement))
    return found


def mutated(function: ast.FunctionDef, mutant: SourceMutant) -> ast.FunctionDef:
    """A copy of the function with the mutant's change."""
    changed = copy.deepcopy(function)
    node = _nodes(changed)[mutant.place]
    _changes(node)[mutant.way][1]()
    return ast.fix_missing_locations(changed)


def _nodes(function: ast.FunctionDef) -> list[ast.AST]:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return [node for statement in body for node in ast.walk(statement)]


def _changes(node: ast.AST) -> list[tuple[str, Callable[[], None]]]:
    """(words, what makes the change in place) for one node."""
    found: list[tuple[str, Callable[[], None]]] = []
    if isinstance(node, ast.Compare):
        new = COMPARED[type(node.ops[0])]()
        found.append((f"{_symbol(node.ops[0])} becomes {_symbol(new)}", lambda: node.ops.__setitem__(0, new)))
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in COUNTED:
        other = COUNTED[type(node.op)]()
        found.append((f"{_symbol(node.op)} becomes {_symbol(other)}", lambda: setattr(node, "op", other)))
    elif isinstance(node, ast.BoolOp):
        turned: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        found.append((f"{_symbol(node.op)} becomes {_symbol(turned)}", lambda: setattr(node, "op", turned)))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool):
        more = node.value + 1
        found.append((f"{node.value} becomes {more}", lambda: setattr(node, "value", more)))
    if isinstance(node, ast.AugAssign):
        found.append(("the update is left out", lambda: setattr(node, "value", ast.Constant(0))))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        found.append((f"the call of {ast.unparse(node.value.func)} is left out", _emptied(node)))
    if isinstance(node, ast.If):
        test = node.test
        found.append(("the condition is turned round", lambda: setattr(node, "test", ast.UnaryOp(ast.Not(), test))))
    return found


def _emptied(node: ast.Expr) -> Callable[[], None]:
    def empty() -> None:
        node.value = ast.Constant(None)

    return empty


def _symbol(node: ast.AST) -> str:
    return type(node).__name__
