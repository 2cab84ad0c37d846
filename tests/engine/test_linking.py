"""What is compiled for compiled callers has no machine code of its own, so nothing in Python may call it by name."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from places import ROOT

PACKAGES = ("engine", "strategies", "reports", "fuzz", "tests")


def decorators(function: ast.FunctionDef) -> set[str]:
    return {node.id for node in function.decorator_list if isinstance(node, ast.Name)}


@cache
def sources() -> list[tuple[Path, ast.Module]]:
    """Every source, parsed once."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [(path, ast.parse(path.read_text())) for path in paths]


@cache
def inner_names() -> set[str]:
    """Functions marked @compiled, as module.name."""
    return {
        ".".join(("percpu_fuzz", *path.relative_to(ROOT).with_suffix("").parts, node.name))
        for path, tree in sources()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and "compiled" in decorators(node)
    }


def known_here(tree: ast.Module, inner: set[str]) -> set[str]:
    """Names in a module that stand for inner functions: imported ones, and its own."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if f"{node.module}.{alias.name}" in inner
    }
    own = {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and "compiled" in decorators(n)}
    return imported | own


def calls_from_python(tree: ast.Module, inner: set[str]) -> list[tuple[int, str]]:
    """Calls of inner functions by name outside compiled functions and own_*, which are grafted in: (line, name)."""
    names = known_here(tree, inner)
    if not names:
        return []
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    compiled = [f for f in functions if f.name.startswith("own_") or any("compiled" in d for d in decorators(f))]
    inside = {id(node) for function in compiled for node in ast.walk(function)}
    return [
        (node.lineno, node.func.id)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id in names and id(node) not in inside
    ]


def test_nothing_in_python_calls_an_inner_function() -> None:
    """No source calls one by name outside compiled code; plain(f)(...) is the way."""
    inner = inner_names()
    assert len(inner) > 300
    found = {str(path.relative_to(ROOT)): calls_from_python(tree, inner) for path, tree in sources()}
    assert {path: calls for path, calls in found.items() if calls} == {}


def test_such_a_call_is_seen() -> None:
    """Control: a module that does."""
    tree = ast.parse(
        "from percpu_fuzz.engine.core.primitives import ceil_div\n\ndef pages(n):\n    return ceil_div(n, 4096)\n"
    )
    assert calls_from_python(tree, inner_names()) == [(4, "ceil_div")]
