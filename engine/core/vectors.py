"""What no loop becomes by itself: LLVM makes vectors of it only if it is said so, which takes an instruction of numba.

Each stands in the place of a compiled function of the same name, whose source says what it does and is what plain mode
runs.
"""

from __future__ import annotations

from typing import Any, cast

from llvmlite import ir
from numba.core import types
from numba.core.typing.templates import make_intrinsic_template
from numba.extending import intrinsic

WORD, BLOCK = ir.IntType(64), 8


def _differing(_context: Any, words: Any, was: Any, at: Any) -> Any:
    """words, was: contiguous arrays of uint64; at: a place from 0 on with seven more after it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block = ir.VectorType(WORD, BLOCK)
        loaded = []
        for kind, array in zip(signature.args[:2], arguments[:2], strict=True):
            data = context.make_array(kind)(context, builder, array).data
            place = builder.bitcast(builder.gep(data, [arguments[2]]), block.as_pointer())
            loaded.append(builder.load(place, align=8))
        return builder.zext(builder.bitcast(builder.icmp_unsigned("!=", *loaded), ir.IntType(BLOCK)), WORD)

    return types.int64(words, was, at), generate


def _begin_to_load(_context: Any, words: Any, at: Any) -> Any:
    """words: a contiguous array of uint64; at: a place in it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        flag, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        prefetch = builder.module.declare_intrinsic(
            "llvm.prefetch.p0", (), ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
        )
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        builder.call(prefetch, [place, flag(0), flag(3), flag(1)])  # to read, to be kept, data
        return context.get_dummy_value()

    return types.none(words, at), generate


class Instruction:
    """Stands where another function has a dispatcher. _numba_type_: of what is lowered where it is called."""

    def __init__(self, made: Any) -> None:
        self.made = intrinsic(made)
        self._numba_type_ = types.Function(cast(Any, make_intrinsic_template)(self.made, made, made.__name__))


INSTRUCTIONS = {"differing": _differing, "begin_to_load": _begin_to_load}


def instruction_for(function: Any) -> Instruction:
    """The instruction that takes the place of a function, by its name."""
    return Instruction(INSTRUCTIONS[function.__name__])
