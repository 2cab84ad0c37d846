"""Answers that numba works out again and again while it compiles, kept or found faster: a third of its own time.

Each gives what numba's own function gives; tests/engine/test_shortcuts.py compares them. They reach into numba, hence
its upper bound in pyproject.toml.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, cast

from numba.core import event, ir
from numba.core.targetconfig import TargetConfig
from numba.core.types import Record
from numba.core.types.functions import BaseFunction


def keep_record_names() -> None:
    """A record type is spelled once: numba does so in every pass, a sixth of its time with 150 fields."""
    spell = Record.__repr__

    def spelled(record: Any) -> str:
        if "_spelled" not in record.__dict__:
            record.__dict__["_spelled"] = spell(record)
        return str(record.__dict__["_spelled"])

    cast(Any, Record).__repr__ = spelled


def keep_call_types() -> None:
    """What an operator or a built-in gives for these types is looked up once, not at each of its thousands of uses."""
    look_up: Any = BaseFunction.get_call_type
    kept: dict[Any, Any] = {}

    def looked_up(function: Any, context: Any, args: Any, kws: Any) -> Any:
        if kws:
            return look_up(function, context, args, kws)
        key = (id(function), id(context), args)
        if key not in kept:
            kept[key] = (look_up(function, context, args, kws), function, context)  # alive, so that ids stay theirs
        return kept[key][0]

    cast(Any, BaseFunction).get_call_type = looked_up


def compare_flags_as_set() -> None:
    """Compiler flags are equal if the same were set; numba fills in all defaults on both sides, and hashes names."""
    compare: Any = TargetConfig.__eq__

    def equal(flags: Any, other: Any) -> Any:
        return (isinstance(other, TargetConfig) and flags._values == other._values) or compare(flags, other)

    def hashed(flags: Any) -> int:
        return hash(tuple(flags.options))

    cast(Any, TargetConfig).__eq__ = equal
    cast(Any, TargetConfig).__hash__ = hashed


def skip_what_holds_no_variable() -> None:
    """The variables of an instruction are sought in what can hold one: not in names, numbers and places in a file."""
    seek: Any = ir.Inst._rec_list_vars
    without = frozenset((str, int, type(None), bool, float, ir.Loc))

    def sought(instruction: Any, part: Any) -> Any:
        return [] if type(part) in without else seek(instruction, part)

    cast(Any, ir.Inst)._rec_list_vars = sought


def leave_out_timers() -> None:
    """No clocks for each function being compiled: nested calls make dozens of them, each told of every use of LLVM."""
    cast(Any, event).install_timer = lambda kind, callback: nullcontext()


def take_shortcuts() -> None:
    """All of them, for this process."""
    keep_record_names()
    keep_call_types()
    compare_flags_as_set()
    skip_what_holds_no_variable()
    leave_out_timers()
