"""What may stand in a step of one's own, checked before anything runs: each refusal names file and line.

A step is what both numba and plain Python run to the same end: integers, ifs, loops, fields of the three records, calls
of the engine's functions and of the file's own. Two things that the language lets pass are made errors, alike in both:
a loop that turns too often, and a negative index, which is what NULL is in the records.
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import fields_of
from percpu_fuzz.engine.core.records import Prog, State, Topo
from percpu_fuzz.engine.errors import InputError

MOST_TURNS = 1_000_000  # of all loops of one call together
RECORDS = {"topo": Topo, "prog": Prog, "st": State}
BUILTINS = ("range", "len", "min", "max", "abs", "int", "bool")
STATEMENTS = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Break, ast.Continue, ast.Expr, ast.For, ast.If, ast.Pass, ast.Return,
    ast.While,
)  # fmt: skip
EXPRESSIONS = (
    ast.Attribute, ast.BinOp, ast.BoolOp, ast.Call, ast.Compare, ast.Constant, ast.IfExp, ast.Name, ast.Subscript,
    ast.Tuple, ast.UnaryOp,
)  # fmt: skip
OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor,
    ast.And, ast.Or, ast.Not, ast.USub, ast.UAdd, ast.Invert, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
    ast.In, ast.NotIn,
)  # fmt: skip
HERE = "in a step: integers, if, while, for over range(), fields of topo, prog, st, and calls"


def check_index(index: int) -> int:
    """The index as it is; IndexError for a negative one, which Python would count from the end."""
    if index < 0:
        raise IndexError("a negative index")
    return index


class StepRules(ast.NodeVisitor):
    """Visits one function of a file. InputError for the first thing that no step can have."""

    def __init__(self, path: str, names: Mapping[str, Any]) -> None:
        self.path = path
        self.names = names  # the file's globals
        self.local: set[str] = set()

    def refuse(self, node: ast.AST, given: str, allowed: str = HERE) -> None:
        raise InputError(f"{self.path}:{getattr(node, 'lineno', 1)}", given, allowed)

    def check(self, function: ast.FunctionDef) -> None:
        """The whole function."""
        given = function.args
        if given.vararg or given.kwarg or given.kwonlyargs or given.defaults or given.posonlyargs:
            self.refuse(
                function, f"{function.name} with other than plain parameters", "(topo, prog, st, t) and the like"
            )
        self.local = {argument.arg for argument in given.args}
        self.local |= {
            node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for statement in function.body:
            self.visit(statement)

    def generic_visit(self, node: ast.AST) -> None:
        known = (*STATEMENTS, *EXPRESSIONS, *OPERATORS, ast.expr_context, ast.operator)
        if not isinstance(node, known) or isinstance(node, ast.Div | ast.Pow | ast.MatMult):
            self.refuse(node, f"{type(node).__name__.lower()} in a step")
        super().generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Div | ast.Pow | ast.MatMult):
            self.refuse(node, f"{ast.unparse(node)!r}", "integers alone: // for a division")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.Div | ast.Pow | ast.MatMult):
            self.refuse(node, f"{ast.unparse(node)!r}", "integers alone: // for a division")
        self.stores(node.target)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self.stores(target)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.stores(node.target)
        if node.value is not None:
            self.visit(node.value)

    def stores(self, target: ast.expr) -> None:
        """What is assigned to is a local name or a field of st."""
        if isinstance(target, ast.Tuple):
            for item in target.elts:
                self.stores(item)
            return
        root: ast.expr = target
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        if isinstance(root, ast.Name) and root is not target and root.id in ("topo", "prog"):
            self.refuse(target, f"{ast.unparse(target)} is written", "only st changes: topo and prog are read")

    def visit_For(self, node: ast.For) -> None:
        over = node.iter
        ranged = isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "range"
        if not ranged or node.orelse or not isinstance(node.target, ast.Name):
            self.refuse(node, f"for over {ast.unparse(over)}", "for NAME in range(...)")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if type(node.value) not in (int, bool):
            self.refuse(node, f"{node.value!r}", "integers alone: numbers of pages, bytes, rows and labels")

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return  # a docstring
        if not isinstance(node.value, ast.Call):
            self.refuse(node, f"{ast.unparse(node)!r} does nothing", "a call or an assignment")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in RECORDS and node.value.id in self.local:
            fields = fields_of(RECORDS[node.value.id])
            if node.attr not in fields:
                near = difflib.get_close_matches(node.attr, fields, 1)
                hint = f"the nearest is {near[0]}" if near else "docs/own-patch.md names the spare words"
                self.refuse(node, f"{node.value.id} has no field {node.attr!r}", f"a field of the record; {hint}")
        module = self.names.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if isinstance(module, ModuleType) and not hasattr(module, node.attr):
            near = difflib.get_close_matches(node.attr, vars(module), 1)
            self.refuse(
                node, f"no {ast.unparse(node)}", f"a name of {module.__name__}{f', such as {near[0]}' if near else ''}"
            )
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        if isinstance(called, ast.Name) and called.id in self.local:
            self.refuse(node, f"{called.id} is called", "a function of the engine or of the file")
        if not isinstance(called, ast.Name | ast.Attribute):
            self.refuse(node, f"{ast.unparse(called)} is called", "a function by its name")
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store) or node.id in self.local:
            return
        if node.id not in self.names:
            if node.id in BUILTINS:
                return
            if hasattr(builtins, node.id):
                self.refuse(node, f"{node.id} in a step", ", ".join(BUILTINS) + " of Python's own functions")
            near = difflib.get_close_matches(node.id, [*self.names, *self.local], 1)
            self.refuse(
                node, f"no name {node.id!r}", f"a name of the file{f'; the nearest is {near[0]}' if near else ''}"
            )
        value = self.names[node.id]
        if not (hasattr(value, "py_func") or isinstance(value, int | ModuleType | FunctionType)):
            self.refuse(
                node, f"{node.id} is {type(value).__name__}", "a number, a function of the engine or of the file"
            )


class Guarded(ast.NodeTransformer):
    """Puts a count into every loop of a function, and check_index around every index that is not a plain number."""

    def __init__(self) -> None:
        self.loops = 0

    def _counted(self, node: Any) -> Any:
        self.loops += 1
        self.generic_visit(node)
        count = ast.parse(
            f"_turns += 1\nif _turns > {MOST_TURNS}:\n    raise RuntimeError('a loop that turned {MOST_TURNS} times')"
        ).body
        node.body = [_at(line, node) for line in count] + node.body
        return node

    def visit_While(self, node: ast.While) -> Any:
        return self._counted(node)

    def visit_For(self, node: ast.For) -> Any:
        return self._counted(node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        if isinstance(node.slice, ast.Tuple):
            node.slice.elts = [self._checked(item) for item in node.slice.elts]
        else:
            node.slice = self._checked(node.slice)
        return node

    @staticmethod
    def _checked(index: ast.expr) -> ast.expr:
        if isinstance(index, ast.Constant):
            return index
        call: ast.expr = _at(ast.Call(ast.Name("_check_index", ast.Load()), [index], []), index)
        return call


def _at(node: Any, place: ast.AST) -> Any:
    """The node with the line of another; new nodes below it too."""
    for inner in ast.walk(node):
        if not hasattr(inner, "lineno") or inner is node or isinstance(node, ast.stmt):
            ast.copy_location(inner, place)
    return node


def guarded(function: ast.FunctionDef, path: str) -> Any:
    """The function's code object with the guards in it, its lines as they stand in the file."""
    function.decorator_list = []
    function.returns = None
    for argument in function.args.args:
        argument.annotation = None
    guard = Guarded()
    guard.visit(function)
    if guard.loops:
        function.body.insert(0, _at(ast.parse("_turns = 0").body[0], function))
    module = ast.fix_missing_locations(ast.Module([function], []))
    scope: dict[str, Any] = {}
    exec(compile(module, path, "exec"), scope)
    return scope[function.name].__code__


GUARD_NAMES = {"_check_index": compiled(check_index)}
