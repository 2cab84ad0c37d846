"""The engine of a variant: the shared one, or for a variant with steps of its own one with those in it.

plain_of is engine.core.compiled.plain for a variant, entry_of the entry that Python calls. An own engine is compiled
when its first entry is called, and kept in a folder named by the engine's cache and the file's text. Within
plain_engine() nothing is compiled, whatever the variant.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any, cast

from percpu_fuzz.engine.core.compiled import (
    F,
    code_folder,
    compiled,
    compiled_entry,
    compiled_guarded,
    digest_of,
    plain,
    plain_value,
)
from percpu_fuzz.engine.core.entries import entries, keep_in
from percpu_fuzz.engine.own.file import own_code
from percpu_fuzz.engine.own.graft import Graft
from percpu_fuzz.engine.own.mirrors import on_mirrors
from percpu_fuzz.engine.variant import OwnFile, Variant

_nothing_compiled = [False]


@contextmanager
def plain_engine(wanted: bool) -> Iterator[None]:
    """If wanted: every engine runs as plain Python, a hundred times slower, in this process and those it forks."""
    before = _nothing_compiled[0]
    _nothing_compiled[0] = before or wanted
    try:
        yield
    finally:
        _nothing_compiled[0] = before


def plain_of(variant: Variant, function: F) -> F:
    """`function` as plain Python, with the variant's own steps."""
    if variant.own is None or not variant.own.has_code:
        return plain(function)
    return cast(F, _plain_graft(variant.own).of(function))


def entry_of(variant: Variant, function: F) -> F:
    """What Python calls in the place of an entry: itself for a variant without own steps.

    Else a compiled entry of the variant's own engine, or for one that is not to be compiled the plain function on
    mirrors of the arrays that it is given. The results are equal.
    """
    own = variant.own
    if _nothing_compiled[0]:
        return cast(F, on_mirrors(plain_of(variant, function)))
    if own is None or not own.has_code:
        return function
    if not own.compiled:
        return cast(F, on_mirrors(plain_of(variant, function)))
    return cast(F, _compiled_graft(own).of(function))


def tag_of(own: OwnFile) -> str:
    """The name of a file's engine among others: of its text, and of the one checker that is wanted of it."""
    return f"{own.digest}{own.checker}"


def own_folder(own: OwnFile) -> Path:
    """Where the machine code of a file's engine is kept."""
    here = Path(__file__).parent
    return code_folder() / f"own-{digest_of(sorted(here.glob('*.py')), here)}-{tag_of(own)}"


def is_compiled(own: OwnFile) -> bool:
    """Whether something of a file's engine was compiled and kept before."""
    return own_folder(own).is_dir()


@cache
def _plain_graft(own: OwnFile) -> Graft:
    code = own_code(own)
    return Graft(code.replaced, code.functions, lambda copy, _: copy, _plain_shared, plain_value)


def _plain_shared(function: Any) -> Any:
    return plain(function) if hasattr(function, "py_func") else function


@cache
def _compiled_graft(own: OwnFile) -> Graft:
    code = own_code(own)

    def wrap(copy: FunctionType, from_file: bool) -> Any:
        if from_file:
            return compiled_guarded(copy)
        if (copy.__module__, copy.__qualname__) not in entries:
            return compiled(copy)
        copy.__qualname__ += f"_{tag_of(own)}"  # machine code beside the engine's needs a name of its own
        keep_in(copy, own_folder(own))
        return compiled_entry(copy)

    return Graft(code.replaced, code.functions, wrap, lambda function: function, lambda value: value)
