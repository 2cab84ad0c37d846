"""Compiling a function that only other compiled functions call: typed and lowered, then left to be linked.

numba optimises and emits machine code for every function, with copies of all that it calls, although only the outermost
one is ever entered from Python. Two thirds of the engine's compilation went there. A LinkedLibrary keeps a function's
code as it was lowered; whoever is entered from Python optimises and emits the whole once.

This reaches into numba (codegen.JITCodeLibrary, compiler.Compiler), hence numba's upper bound in pyproject.toml;
tests/engine/test_cache.py and every test that compares compiled with plain runs notice if it moves.
"""

from __future__ import annotations

import ctypes
from typing import Any, cast

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.types import Record

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


def keep_record_names() -> None:
    """Let numba spell a record type once: it does so in every pass, a sixth of the time with 150 fields."""
    spell = Record.__repr__

    def spelled(record: Any) -> str:
        if "_spelled" not in record.__dict__:
            record.__dict__["_spelled"] = spell(record)
        return str(record.__dict__["_spelled"])

    cast(Any, Record).__repr__ = spelled
