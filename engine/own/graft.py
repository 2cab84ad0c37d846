"""A copy of the graph of functions below an entry, with some functions replaced; the graph itself stays as it is.

engine.core.compiled.plain makes one plain copy of the engine by copying each function with its globals replaced. The
same walk with a table of replaced functions gives an engine of a variant's own, plain, or compiled by wrapping each
copy again. Functions that reach nothing that was replaced are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any


class Graft:
    """Copies functions, each once.

    replaced: by function of the engine (plain Python) what takes its place. functions: all functions that come from a
    file. wrap: makes of a copy what stands in the globals of other copies; shared: the same of a function that stays;
    value: what any other global becomes.
    """

    def __init__(
        self,
        replaced: Mapping[FunctionType, FunctionType],
        functions: frozenset[FunctionType],
        wrap: Callable[[FunctionType, bool], Any],
        shared: Callable[[Any], Any],
        value: Callable[[Any], Any],
    ) -> None:
        self.replaced = dict(replaced)
        self.originals = {own: engine for engine, own in replaced.items()}
        self.functions = functions
        self.wrap = wrap
        self.shared = shared
        self.value = value
        self.made: dict[FunctionType, Any] = {}
        self.touched: dict[FunctionType, bool] = {}

    def of(self, function: Any) -> Any:
        """What takes the place of a compiled function, or of a function of the file."""
        source: FunctionType = getattr(function, "py_func", function)
        return self._made(self.replaced.get(source, source), function)

    def _made(self, taken: FunctionType, function: Any) -> Any:
        if taken not in self.made:
            self.made[taken] = self._copy(taken) if self._reaches(taken) else self.shared(function)
        return self.made[taken]

    def _callees(self, taken: FunctionType) -> dict[str, Any]:
        """Functions that `taken` calls by name: compiled ones, and those of the file; by name as its code has it."""
        found = {}
        for name in taken.__code__.co_names:
            value = taken.__globals__.get(name)
            if hasattr(value, "py_func") or (isinstance(value, FunctionType) and value in self.functions):
                found[name] = value
        return found

    def _target(self, taken: FunctionType, called: Any) -> FunctionType:
        """What a call of `called` in `taken` ends in: within what replaces it, an engine's function is what it was."""
        source: FunctionType = getattr(called, "py_func", called)
        return source if self.originals.get(taken) is source else self.replaced.get(source, source)

    def _reaches(self, taken: FunctionType) -> bool:
        """Whether it, or what it calls, is not as it is in the engine."""
        if taken not in self.touched:
            self.touched[taken] = taken in self.functions or taken in self.originals
            below = [self._reaches(self._target(taken, called)) for called in self._callees(taken).values()]
            below += [self._reaches(self._target(taken, f)) for f in self._of_modules(taken)]
            self.touched[taken] = self.touched[taken] or any(below)
        return self.touched[taken]

    def _of_modules(self, taken: FunctionType) -> list[Any]:
        """Compiled functions that are named through a module, as in objcg.sibling."""
        modules = [taken.__globals__.get(name) for name in taken.__code__.co_names]
        named = [vars(m).get(name) for m in modules if isinstance(m, ModuleType) for name in taken.__code__.co_names]
        return [value for value in named if hasattr(value, "py_func")]

    def _copy(self, taken: FunctionType) -> Any:
        scope = dict(taken.__globals__)
        copy = FunctionType(taken.__code__, scope, taken.__name__, taken.__defaults__)
        self.made[taken] = wrapped = self.wrap(copy, taken in self.functions)
        callees = self._callees(taken)
        for name in taken.__code__.co_names:
            if name in callees:
                scope[name] = self._made(self._target(taken, callees[name]), callees[name])
            elif isinstance(scope.get(name), ModuleType):
                scope[name] = self._module(taken, scope[name])
            elif name in scope:
                scope[name] = self.value(scope[name])
        return wrapped

    def _module(self, taken: FunctionType, module: ModuleType) -> ModuleType:
        """A module with the functions that the code may name replaced; itself if there are none."""
        named = {name: vars(module)[name] for name in taken.__code__.co_names if name in vars(module)}
        compiled = {name: value for name, value in named.items() if hasattr(value, "py_func")}
        if not compiled:
            return module
        twin = ModuleType(module.__name__)
        vars(twin).update(vars(module))
        for name, value in compiled.items():
            setattr(twin, name, self._made(self._target(taken, value), value))
        return twin
