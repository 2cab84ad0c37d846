"""How compiled code reads and writes an element of a record's array: a pointer and a load, or a store.

numba makes an array of seven words out of the field first and indexes that. LLVM removes it again, but it was nearly
all of what LLVM was given. What has no short form here (bounds checks, slices, other element types) goes numba's way.
"""

from __future__ import annotations

import operator
from typing import Any, cast

import numba.core
import numba.np.arrayobj
from llvmlite import ir
from numba.core import types

arrayobj: Any = numba.np.arrayobj
cgutils: Any = numba.core.cgutils
imputils: Any = numba.core.imputils


def field_of_record(context: Any, builder: Any, kind: Any, record: Any, name: str) -> Any:
    """record.name; of an array field everything but its address is constant."""
    field = kind.typeof(name)
    if not isinstance(field, types.NestedArray):
        return arrayobj.record_getattr(context, builder, kind, record, name)
    context.sentry_record_alignment(kind, name)
    element = context.get_data_type(cast(Any, field).dtype)
    address = cgutils.get_record_member(builder, record, kind.offset(name), element)
    return builder.insert_value(_array_without_address(context, cast(Any, field)), address, 4)


def _array_without_address(context: Any, field: Any) -> Any:
    """numba's array structure (meminfo, parent, nitems, itemsize, data, shape, strides) with the address left open."""
    word, layout = context.get_value_type(types.intp), context.get_value_type(field)
    numbers = [
        ir.Constant(ir.ArrayType(word, len(tuple_)), [ir.Constant(word, n) for n in tuple_])
        for tuple_ in (field.shape, field.strides)
    ]
    nothing = [ir.Constant(pointer, None) for pointer in layout.elements[:2]]
    sizes = [ir.Constant(word, field.nitems), ir.Constant(word, field.size)]
    return ir.Constant(layout, [*nothing, *sizes, ir.Constant(layout.elements[4], ir.Undefined), *numbers])


def _direct(context: Any, array: Any, indices: tuple[Any, ...]) -> bool:
    """Whether the short form says the same as numba's own."""
    return (
        not context.enable_boundscheck
        and array.aligned
        and array.layout == "C"
        and isinstance(array.dtype, types.Integer)
        and len(indices) == array.ndim
        and all(isinstance(index, types.Integer) for index in indices)
    )


def _address(context: Any, builder: Any, array: Any, value: Any, kinds: tuple[Any, ...], indices: list[Any]) -> Any:
    """Of one element. No index is negative (tests/strategies/run/test_indices.py), so none counts from the end."""
    word = context.get_value_type(types.intp)
    place = ir.Constant(word, 0)
    for kind, index, length in zip(kinds, indices, array.shape, strict=True):
        here = context.cast(builder, index, kind, types.intp)
        place = builder.add(builder.mul(place, ir.Constant(word, length)), here)
    return builder.gep(builder.extract_value(value, 4), [place], inbounds=True)


def read_element(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """array[i]."""
    array, kind = signature.args
    if not _direct(context, array, (kind,)):
        return arrayobj.getitem_arraynd_intp(context, builder, signature, values)
    return builder.load(_address(context, builder, array, values[0], (kind,), [values[1]]))


def read_cell(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """array[i, j]."""
    array, kinds = signature.args
    if not _direct(context, array, kinds.types):
        return arrayobj.getitem_array_tuple(context, builder, signature, values)
    indices = cgutils.unpack_tuple(builder, values[1], len(kinds))
    return builder.load(_address(context, builder, array, values[0], kinds.types, indices))


def write_element(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    """array[i] = number, array[i, j] = number."""
    array, index, number = signature.args
    kinds = cast(Any, index).types if isinstance(index, types.BaseTuple) else (index,)
    if not _direct(context, array, kinds):
        return arrayobj.setitem_array(context, builder, signature, values)
    indices = [values[1]] if index in kinds else cgutils.unpack_tuple(builder, values[1], len(kinds))
    address = _address(context, builder, array, values[0], kinds, indices)
    builder.store(context.cast(builder, values[2], number, array.dtype), address)
    return context.get_dummy_value()


def read_fields_directly() -> None:
    """From now on, in this process."""
    imputils.lower_getattr_generic(types.Record)(field_of_record)
    lower = imputils.lower_builtin
    lower(operator.getitem, types.NestedArray, types.Integer)(read_element)
    lower(operator.getitem, types.NestedArray, types.BaseTuple)(read_cell)
    lower(operator.setitem, types.NestedArray, types.Integer, types.Integer)(write_element)
    lower(operator.setitem, types.NestedArray, types.BaseTuple, types.Integer)(write_element)
