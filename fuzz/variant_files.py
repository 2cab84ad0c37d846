"""Variants from a user's file: typed as FILE.py, or FILE.py:NAME for one of several."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from percpu_fuzz.engine.choices import check_variant
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.own.file import OwnCode, read_own_file
from percpu_fuzz.engine.variant import VARIANTS, OwnFile, Variant
from percpu_fuzz.strategies.reading import read_bytes

SECONDS_MOST = 10.0  # that a file may take before it has made its Variant
SECONDS_AGAIN = 0.01  # until the next try where an exception would have been swallowed


class TooLongError(Exception):
    """A file's own lines did not end."""


def is_collecting(frame: FrameType | None) -> bool:
    """Whether a frame stands in a callback of the garbage collector."""
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None and frame.f_code not in callbacks:
        frame = frame.f_back
    return frame is not None


@contextmanager
def no_longer_than(seconds: float, where: str) -> Iterator[None]:
    """TooLongError inside after so many seconds, where signals can be had; InputError for one that nobody took.

    Python swallows what is raised in a callback of the garbage collector or in a __del__, and goes on: the first are
    left alone, and the clock rings again and again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        if is_collecting(frame):
            signal.setitimer(signal.ITIMER_REAL, SECONDS_AGAIN, seconds)
        else:
            raise TooLongError(f"nothing came of it in {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    except TooLongError as error:
        raise InputError(where, str(error), f"a file that is read in {seconds:g} s") from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def text_of(path: str, where: str) -> str:
    """A file's text. InputError if there is none."""
    if not Path(path).is_file():
        raise InputError(where, f"no file {path!r}", "a Python file that can be read")
    try:
        return read_bytes(Path(path)).decode()
    except UnicodeDecodeError as error:
        raise InputError(where, f"{path}: {error}", "a Python file in UTF-8") from None


def file_and_name(text: str) -> tuple[str, str]:
    """FILE.py and NAME of FILE.py:NAME; an empty NAME without one."""
    path, _, name = text.rpartition(":") if not text.endswith(".py") else (text, "", "")
    return path, name


def file_in(text: str) -> Path:
    """The file in FILE.py, FILE.py:NAME or NAME+FILE.py[:CHECKER]."""
    name, plus, rest = text.partition("+")
    return Path(file_and_name(rest if plus and name in VARIANTS else text)[0])


def variant_from_file(text: str, where: str) -> Variant:
    """The Variant of a file that was typed, named as typed, with what is of its own. InputError for what cannot be."""
    path, name = file_and_name(text)
    source = text_of(path, where)
    with no_longer_than(SECONDS_MOST, f"{where}, {path}"):
        code = read_own_file(source, path)
    found = chosen(code, path, name, where)
    check_variant(found, f"{where}, {path}")
    own = OwnFile(path, found.name, source, code.has_code)
    named = replace(found, name=text, own=own)  # what was typed: the lines that replay its findings need it
    check_variant(named, where)
    return named.claiming(code.judge)


def looked_on(variant: Variant, text: str, name: str, where: str) -> Variant:
    """One of the engine's variants under the name that was typed, with checkers of a file and what it claims itself."""
    path, checker = file_and_name(text)
    source = text_of(path, where)
    with no_longer_than(SECONDS_MOST, f"{where}, {path}"):
        code = read_own_file(source, path, checker)
    if not code.has_code:
        raise InputError(where, f"no checker in {path}", "a function below @checker")
    own = OwnFile(path, variant.name, source, True, checker)
    watched = replace(variant, name=name, based_on=variant.name, own=own)
    check_variant(watched, where)
    return watched.claiming(variant.judge | code.judge)


def uncompiled(variant: Variant) -> Variant:
    """The same, its own steps run as plain Python."""
    if variant.own is None:
        return variant
    return replace(variant, own=replace(variant.own, compiled=False)).claiming(variant.judge)


def chosen(code: OwnCode, path: str, name: str, where: str) -> Variant:
    """The Variant of that name, or the one that there is beside the engine's."""
    if name:
        if name not in code.variants:
            raise InputError(where, f"no Variant {name!r} in {path}", ", ".join(code.variants) or "NAME = Variant(...)")
        return code.variants[name]
    several = {known: variant for known, variant in code.variants.items() if variant not in VARIANTS.values()}
    if len(set(several.values())) != 1:
        given = f"{len(several)} variants in {path}" + (f": {', '.join(several)}" if several else "")
        raise InputError(where, given, "one NAME = Variant(...), or FILE.py:NAME")
    return next(iter(several.values()))


def with_steps(variant: Variant, path: Path) -> Variant:
    """A variant with the steps, claims and checkers of a file, whatever Variants stand there."""
    text = read_bytes(path).decode()
    with no_longer_than(SECONDS_MOST, str(path)):
        code = read_own_file(text, str(path))
    return replace(variant, own=OwnFile(str(path), variant.name, text, code.has_code)).claiming(code.judge)
