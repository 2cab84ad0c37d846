"""How tidy the house is: `make tidy` prints it, tests/test_tidy.py holds it.

Read from the sources alone, of this tree or of another checkout: `python tests/support/tidy.py [ROOT]`.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGES = ("engine", "strategies", "reports", "fuzz")
FILES_MOST, LINES_MOST, FUNCTION_MOST = 20, 400, 60

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class House:
    """The sources below a root: modules by dotted name, without the name that they are imported under."""

    root: Path

    @cached_property
    def files(self) -> list[Path]:
        """Every Python file of the packages, sorted."""
        return sorted(path for package in PACKAGES for path in (self.root / package).rglob("*.py"))

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The parsed source of each module."""
        return {self.name(path): ast.parse(path.read_text(encoding="utf-8")) for path in self.files}

    def name(self, path: Path) -> str:
        """engine.core.labels for engine/core/labels.py, engine for engine/__init__.py."""
        return ".".join(path.relative_to(self.root).with_suffix("").parts).removesuffix(".__init__")

    @cached_property
    def lines(self) -> dict[str, int]:
        """Lines by file, relative to the root."""
        return {
            str(path.relative_to(self.root)): len(path.read_text(encoding="utf-8").splitlines()) for path in self.files
        }

    @cached_property
    def folders(self) -> Counter[str]:
        """Python files by folder."""
        return Counter(str(path.parent.relative_to(self.root)) for path in self.files)

    def imports(self, module: str, *, hidden: bool = True, typing: bool = True) -> Iterator[str]:
        """Modules of the house that a module imports; `hidden` inside functions, `typing` only for annotations."""
        for node in walk(self.trees[module], hidden, typing):
            if isinstance(node, ast.ImportFrom) and node.module:
                base = node.module.removeprefix("percpu_fuzz.")
                for candidate in [f"{base}.{alias.name}" for alias in node.names]:
                    found = candidate if candidate in self.trees else base
                    if found in self.trees and found != module:
                        yield found
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    found = alias.name.removeprefix("percpu_fuzz.")
                    if found in self.trees and found != module:
                        yield found

    @cached_property
    def circles(self) -> list[list[str]]:
        """Sets of modules that reach each other, imports inside functions and for annotations included."""
        return strongly_connected({name: set(self.imports(name)) for name in self.trees})

    @cached_property
    def hidden_imports(self) -> list[tuple[str, str]]:
        """(module, imported) where only a function imports it."""
        return [
            (name, found)
            for name in self.trees
            for found in sorted(set(self.imports(name)) - set(self.imports(name, hidden=False)))
        ]

    @cached_property
    def users(self) -> dict[str, set[str]]:
        """By module, those that import it."""
        found: dict[str, set[str]] = defaultdict(set)
        for name in self.trees:
            for imported in self.imports(name):
                found[imported].add(name)
        return found

    @cached_property
    def definitions(self) -> dict[tuple[str, str], list[str]]:
        """Modules that define a public name at their top level, by (package, name); constants count."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for module, tree in self.trees.items():
            for name in dict.fromkeys(defined(tree)):
                found[module.split(".")[0], name].append(module)
        return found

    @cached_property
    def twice(self) -> dict[tuple[str, str], list[str]]:
        """Public names that two or more modules of one package define."""
        return {key: modules for key, modules in self.definitions.items() if len(modules) > 1}

    @cached_property
    def functions(self) -> list[tuple[int, str]]:
        """(lines, module:name) of every function, longest first."""
        found = []
        for module, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, Function):
                    found.append(((node.end_lineno or node.lineno) - node.lineno + 1, f"{module}:{node.name}"))
        return sorted(found, reverse=True)

    @cached_property
    def without_docstring(self) -> list[str]:
        """Folders whose __init__.py is missing or says nothing."""
        return [
            folder
            for folder in self.folders
            if not (tree := self.trees.get(folder.replace("/", "."))) or not ast.get_docstring(tree)
        ]


def walk(tree: ast.AST, hidden: bool, typing: bool) -> Iterator[ast.AST]:
    """Nodes of a module; without bodies of functions unless hidden, without `if TYPE_CHECKING:` unless typing."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.Lambda) and not hidden:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test) and not typing:
            continue
        yield node
        yield from walk(node, hidden, typing)


def defined(tree: ast.Module) -> Iterator[str]:
    """Public names that a module makes at its top level."""
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, Function | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        yield from (name for name in names if not name.startswith("_"))


def strongly_connected(graph: dict[str, set[str]]) -> list[list[str]]:
    """Components of two or more modules that reach each other (Tarjan 1972), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            component = stack[at:]
            del stack[at:]
            if len(component) > 1:
                found.append(sorted(component))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def summary(house: House) -> Iterator[str]:
    """The figures, a line each, then what is over its bound."""
    by_package = {
        package: [(f, n) for f, n in house.lines.items() if f.split("/")[0] == package] for package in PACKAGES
    }
    for package, rows in by_package.items():
        yield f"{package:<12}{len(rows):4} files {sum(n for _, n in rows):7,} lines"
    yield f"{'together':<12}{len(house.lines):4} files {sum(house.lines.values()):7,} lines"
    yield f"folders: {len(house.folders)}; most files in one: " + ", ".join(
        f"{folder} {count}" for folder, count in house.folders.most_common(5)
    )
    yield f"circles of imports: {len(house.circles)} {house.circles or ''}"
    yield f"imports inside functions: {len(house.hidden_imports)}"
    yield f"public names defined in two or more modules of a package: {len(house.twice)}"
    lonely = [name for name, users in house.users.items() if len(users) == 1]
    yield f"modules imported by exactly one other: {len(lonely)}"
    yield f"longest file: {max(house.lines.items(), key=lambda row: row[1])}; longest function: {house.functions[0]}"
    yield f"folders without a docstring: {len(house.without_docstring)}"


def main() -> int:
    """Print the figures of this tree, or of the one named."""
    given = [argument for argument in sys.argv[1:] if argument != "-v"]
    house = House(Path(given[0]) if given else Path(__file__).resolve().parents[2])
    print("\n".join(summary(house)))
    if "-v" in sys.argv:
        for (package, name), modules in sorted(house.twice.items()):
            print(f"  {package} {name}: {', '.join(modules)}")
        for module, found in house.hidden_imports:
            print(f"  hidden {module} -> {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
