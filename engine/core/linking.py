"""Compiling a function that only other compiled functions call: typed and lowered, then left to be linked.

numba optimises and emits machine code for every function, with copies of all that it calls, although only the outermost
one is ever entered from Python. Two thirds of the engine's compilation went there. A LinkedLibrary keeps a function's
code as it was lowered; whoever is entered from Python optimises and emits the whole once.

This reaches into numba (codegen.JITCodeLibrary, compiler.Compiler), hence numba's upper bound in pyproject.toml;
tests/engine/test_cache.py and every test that compares compiled with plain runs notice if it moves.
"""

from __future__ import annotations

import ctypes
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from llvmlite.binding import Linkage
from numba.core.caching import CacheImpl, IndexDataCacheFile, UserProvidedCacheLocator
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.types import Integer, IntegerLiteral, Record, int64

from percpu_fuzz.engine.core.marked_file import marked, read_marked

# Stands where a Python wrapper's machine code would: raises TypeError and gives NULL, whatever it is called with.
REFUSE = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value


class NoEngine:
    """Stands for the execution engine of a library whose code is not in it."""

    def set_env(self, name: str, env: object) -> None:
        """The environment belongs to code that Python enters; this is none."""


class LinkedLibrary(JITCodeLibrary):
    """Holds a function's code, and that of all it calls, until it is linked into another library. Never entered."""

    @property
    def codegen(self) -> NoEngine:
        return NoEngine()

    def _optimize_final_module(self) -> None:
        """Left to the library that this is linked into."""

    def _finalize_final_module(self) -> None:
        cast(Any, self)._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is no machine code; what Python is given instead raises."""
        cast(Any, self)._ensure_finalized()
        assert REFUSE is not None
        return REFUSE


class InnerCompiler(Compiler):
    """numba's pipeline with a LinkedLibrary to put the code in."""

    def __init__(self, typing_context: Any, target_context: Any, library: Any, *rest: Any) -> None:
        cast(Any, super()).__init__(typing_context, target_context, library, *rest)
        if library is None:
            self.state.library = cast(Any, LinkedLibrary)(target_context.codegen(), "linked")


class EntryLibrary(JITCodeLibrary):
    """Holds the code of a function that Python enters. What was linked into it is called by nobody else: LLVM may then
    inline what has one caller, and drop arguments and results that never matter (a fifth of the running time)."""

    def _optimize_final_module(self) -> None:
        for function in cast(Any, self)._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        cast(Any, super())._optimize_final_module()


class EntryCompiler(Compiler):
    """numba's pipeline with an EntryLibrary to put the code in, kept in the cache folder."""

    def __init__(self, typing_context: Any, target_context: Any, library: Any, *rest: Any) -> None:
        cast(Any, super()).__init__(typing_context, target_context, library, *rest)
        if library is None:
            self.state.library = cast(Any, EntryLibrary)(target_context.codegen(), "entry")
            self.state.library.enable_object_caching()


def one_width(dispatcher: Any) -> Any:
    """Let a function that others call be compiled for 64-bit integers alone, whatever width or literal it is given.

    Otherwise each combination of widths is a function of its own: 754 of them instead of 408 in class small.
    """
    fold = dispatcher._compiler.fold_argument_types

    def folded(args: Any, kws: Any) -> Any:
        signature, found = fold(args, kws)
        return signature, tuple(int64 if _is_signed(given) else given for given in found)

    dispatcher._compiler.fold_argument_types = folded
    return dispatcher


def _is_signed(given: Any) -> bool:
    return isinstance(given, IntegerLiteral) or (isinstance(given, Integer) and cast(Any, given).signed)


own_folders: dict[Any, Path] = {}


def keep_in(py_func: Any, folder: Path) -> None:
    """Keep machine code of this one function below `folder`, whatever keep_below says."""
    own_folders[py_func] = folder


class KeptCode(cast(Any, IndexDataCacheFile)):  # type: ignore[misc]
    """numba's index and machine code in marked files: what is damaged is compiled anew, and never run."""

    def _load_index(self) -> dict[Any, str]:
        content = read_marked(Path(self._index_path))
        stamp, overloads = (None, {}) if content is None else pickle.loads(content)
        return overloads if stamp == self._source_stamp else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._save(self._index_path, (self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        content = read_marked(Path(self._data_path(name)))
        return None if content is None else pickle.loads(content)

    def _save_data(self, name: str, data: Any) -> None:
        self._save(self._data_path(name), data)

    def _save(self, path: str, data: Any) -> None:
        with self._open_for_write(path) as file:
            file.write(marked(self._dump(data)))


def keep_marked(dispatcher: Any) -> Any:
    """Let a function's machine code be kept in marked files."""
    dispatcher._cache._cache_file.__class__ = KeptCode
    return dispatcher


def keep_below(root: Path, folder: Callable[[], Path]) -> None:
    """Let numba keep machine code of functions whose source lies below `root` in `folder`, by their place below root.

    So a copy of the same sources elsewhere finds it too. Functions of other projects stay where numba puts them.
    """

    class OwnLocator(cast(Any, UserProvidedCacheLocator)):  # type: ignore[misc]
        def __init__(self, py_func: Any, py_file: str) -> None:
            self._py_file, self._lineno = py_file, py_func.__code__.co_firstlineno
            self._cache_path = str(
                own_folders.get(py_func, folder()) / Path(py_file).resolve().relative_to(root).parent
            )

        @classmethod
        def from_function(cls, py_func: Any, py_file: str) -> Any:
            if not Path(py_file).resolve().is_relative_to(root):
                return None
            own = cls(py_func, py_file)
            own.ensure_cache_path()
            return own

    cast(Any, CacheImpl)._locator_classes.insert(0, OwnLocator)


def keep_record_names() -> None:
    """Let numba spell a record type once: it does so in every pass, a sixth of the time with 150 fields."""
    spell = Record.__repr__

    def spelled(record: Any) -> str:
        if "_spelled" not in record.__dict__:
            record.__dict__["_spelled"] = spell(record)
        return str(record.__dict__["_spelled"])

    cast(Any, Record).__repr__ = spelled
