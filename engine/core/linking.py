"""How compiled functions come together: which are linked into one piece of machine code, and which call another piece.

numba optimises and emits machine code for every function, with copies of all that it calls, although only the outermost
one is ever entered from Python. Here an inner function is typed and lowered, and left to be linked. An entry optimises
and emits the whole once; another entry that it calls is not copied but called, so that the step, which runs in every
loop there is, is compiled once for each size class.

This reaches into numba (codegen.JITCodeLibrary, compiler.Compiler, caching), hence numba's upper bound in
pyproject.toml; tests/engine and every test that compares compiled with plain runs notice if it moves.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from llvmlite.binding import Linkage, parse_assembly
from numba.core import funcdesc, itanium_mangler
from numba.core.caching import (
    CacheImpl,
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    UserProvidedCacheLocator,
)
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.types import Boolean, Integer, IntegerLiteral, boolean, int64

from percpu_fuzz.engine.core.compile_listeners import tell
from percpu_fuzz.engine.core.entries import entry_at, own_folders
from percpu_fuzz.engine.core.marked_file import marked, read_marked, tell_unkept

# Stands where a Python wrapper's machine code would: raises TypeError and gives NULL, whatever it is called with.
REFUSE = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value
LOWERED_LEVEL = 1  # how far LLVM tidies a function before it is linked: the whole is optimised fully anyway


class NoEngine:
    """Stands for the execution engine of a library whose code is not in it."""

    def set_env(self, name: str, env: object) -> None:
        """The environment belongs to code that Python enters; this is none."""


class LinkedLibrary(JITCodeLibrary):
    """Holds one function's code as it was lowered, for entries to link in. Never entered.

    What it calls stays in libraries of its own until then: a copy at each level of calls is work for nothing.
    """

    @property
    def codegen(self) -> NoEngine:
        return NoEngine()

    def _optimize_functions(self, module: Any) -> None:
        own = cast(Any, self)
        module.data_layout = own._codegen._data_layout
        for function in module.functions:
            if not function.is_declaration:
                passes, builder = own._codegen._function_pass_manager(opt=LOWERED_LEVEL)
                passes.run(function, builder)

    def finalize(self) -> None:
        """Nothing is linked in and nothing emitted."""
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        module = cast(Any, self)._final_module
        for function in module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = "linkonce_odr"
        return module

    def get_pointer_to_function(self, name: str) -> int:
        """There is no machine code; what Python is given instead raises."""
        assert REFUSE is not None
        return REFUSE


class InnerCompiler(Compiler):
    """numba's pipeline with a LinkedLibrary to put the code in."""

    def __init__(self, typing_context: Any, target_context: Any, library: Any, *rest: Any) -> None:
        cast(Any, super()).__init__(typing_context, target_context, library, *rest)
        if library is None:
            self.state.library = cast(Any, LinkedLibrary)(target_context.codegen(), "linked")

    def compile_extra(self, function: Any) -> Any:
        """Type and lower it, and say so."""
        tell(function.__qualname__)
        return cast(Any, super()).compile_extra(function)


def called_below(libraries: Sequence[Any]) -> list[Any]:
    """These libraries and what they call, down to other entries; each after all that call it.

    LLVM links a function only if somebody who was linked before asks for it: a caller whose call was dropped as dead
    must not be the only one before it.
    """
    ended: dict[int, Any] = {}
    waiting = [(library, False) for library in libraries]
    while waiting:
        library, is_ended = waiting.pop()
        if id(library) in ended:
            continue
        if is_ended or isinstance(library, EntryLibrary):
            ended[id(library)] = library
        else:
            waiting.append((library, True))
            waiting += [(callee, False) for callee in library._linking_libraries]
    return list(ended.values())[::-1]


class EntryLibrary(JITCodeLibrary):
    """Holds the machine code of an entry and of all inner functions that it reaches; `called`: entries that it calls.

    function, arguments: the module and the name of the function, and the types that it was compiled for.
    """

    function: tuple[str, str]
    arguments: tuple[Any, ...]
    called: tuple[EntryLibrary, ...] = ()

    def finalize(self) -> None:
        own = cast(Any, self)
        found = called_below(own._linking_libraries)
        self.called = tuple(library for library in found if isinstance(library, EntryLibrary))
        own._linking_libraries = [library for library in found if not isinstance(library, EntryLibrary)]
        cast(Any, super()).finalize()

    def _optimize_final_module(self) -> None:
        """What was linked in is called by nobody else: LLVM may then inline what has one caller, and drop arguments
        and results that never matter (a fifth of the running time)."""
        for function in cast(Any, self)._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.linkonce_odr:
                function.linkage = Linkage.internal
        cast(Any, super())._optimize_final_module()

    def serialize_using_object_code(self) -> Any:
        """As numba does, with the names of the functions in place of their bitcode: nobody links it in."""
        own = cast(Any, self)
        names = [
            function.name
            for function in own._final_module.functions
            if not function.is_declaration and function.linkage == Linkage.external
        ]
        stubs = parse_assembly("\n".join(f'define void @"{name}"() {{ ret void }}' for name in names))
        return own.name, "object", (own._get_compiled_object(), stubs.as_bitcode())


class EntryCompiler(Compiler):
    """numba's pipeline with an EntryLibrary to put the code in."""

    def __init__(self, typing_context: Any, target_context: Any, library: Any, *rest: Any) -> None:
        cast(Any, super()).__init__(typing_context, target_context, library, *rest)
        if library is None:
            self.state.library = cast(Any, EntryLibrary)(target_context.codegen(), "entry")
            self.state.library.enable_object_caching()

    def compile_extra(self, function: Any) -> Any:
        """Compile it under a name that depends on function and types alone, so that other processes' code finds it."""
        library, own = self.state.library, f"{function.__module__}.{function.__qualname__}"
        library.function, library.arguments = (function.__module__, function.__qualname__), self.state.args

        def name_of(name: str, types: Any, *, abi_tags: Any = (), uid: Any = None) -> str:
            if not name.endswith(own):
                return str(cast(Any, funcdesc).default_mangler(name, types, abi_tags=abi_tags, uid=uid))
            digest = hashlib.sha256(repr(types).encode()).hexdigest()[:16]
            return str(cast(Any, itanium_mangler).mangle(name, (), abi_tags=(digest,)))

        self.state.targetctx.mangler = name_of
        tell(function.__qualname__)
        with less_garbage_collection():
            return cast(Any, super()).compile_extra(function)


@contextmanager
def less_garbage_collection() -> Iterator[None]:
    """While it compiles, numba makes millions of objects that stay: looking through them again and again is no use."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class EntryCacheImpl(CompileResultCacheImpl):
    """Keeps with an entry's machine code which other entries it calls, and has those loaded (or compiled) first."""

    def reduce(self, result: Any) -> Any:
        library = result.library
        called = [(each.function, each.arguments) for each in library.called]
        return library.function, library.arguments, called, cast(Any, super()).reduce(result)

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        function, arguments, called, rest = payload
        for place, types in called:
            entry_at(*place).dispatcher.compile(types)
        result = cast(Any, super()).rebuild(target_context, rest)
        library = result.library
        library.__class__ = EntryLibrary  # numba rebuilds its own kind
        library.function, library.arguments = function, arguments
        return result


class KeptCode(cast(Any, IndexDataCacheFile)):  # type: ignore[misc]
    """numba's index and machine code in marked files: what is damaged is compiled anew, and never run."""

    def save(self, key: Any, data: Any) -> None:
        """As numba does, one process at a time: each reads the index, takes the next free name, and writes both.

        Two at once would take the same name, and the index would then give out the one's code for the other's types.
        """
        folder = os.open(self._cache_path, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(folder, fcntl.LOCK_EX)
            cast(Any, super()).save(key, data)
        finally:
            os.close(folder)

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


class EntryCache(FunctionCache):
    """numba's cache of one function, in marked files, with what EntryCacheImpl adds."""

    _impl_class = EntryCacheImpl

    def __init__(self, function: Any) -> None:
        cast(Any, super()).__init__(function)
        cast(Any, self)._cache_file.__class__ = KeptCode

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """As numba does, but for loading what is only needed to compile: a third of a second. Its compiler loads that
        by itself."""
        own = cast(Any, self)
        with own._guard_against_spurious_io_errors():
            return own._load_overload(signature, target_context)

    def save_overload(self, signature: Any, result: Any) -> None:
        """As numba does, where the folder can be written."""
        try:
            cast(Any, super()).save_overload(signature, result)
        except OSError as error:
            tell_unkept(error)


def one_width(dispatcher: Any) -> Any:
    """Let a function that others call be compiled for 64-bit integers alone, whatever width or literal it is given.

    Otherwise each combination of widths is a function of its own: 754 of them instead of 408 in class small.
    """
    fold = dispatcher._compiler.fold_argument_types

    def folded(args: Any, kws: Any) -> Any:
        signature, found = fold(args, kws)
        return signature, tuple(_widened(given) for given in found)

    dispatcher._compiler.fold_argument_types = folded
    return dispatcher


def _widened(given: Any) -> Any:
    if isinstance(given, IntegerLiteral) or (isinstance(given, Integer) and cast(Any, given).signed):
        return int64
    return boolean if isinstance(given, Boolean) else given


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
            return cls(py_func, py_file)  # who only reads needs no folder that can be written

    cast(Any, CacheImpl)._locator_classes.insert(0, OwnLocator)
