"""Calls a plain function with arrays: what it is given are mirrors of them, and what it changed is written back.

So an engine of a variant's own can run uncompiled wherever a compiled entry is called.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.declare import PlainGrid, PlainRecord

Back = Callable[[], None]


class Records:
    """An array of records as a list of plain mirrors, each made when it is asked for."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.made: dict[int, PlainRecord] = {}

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, row: int) -> PlainRecord:
        if row not in self.made:
            self.made[row] = PlainRecord(self.array[row])
        return self.made[row]

    def write_back(self) -> None:
        """What was asked for goes back into the array, if it may be written."""
        if self.array.flags.writeable:
            for row, mirror in self.made.items():
                self.array[row] = mirror.to_array()[0]


def mirrored(value: Any, back: list[Back]) -> Any:
    """A mirror of an argument; what writes it back is appended to `back`."""
    if isinstance(value, tuple):
        parts = [mirrored(part, back) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, np.void):
        record = PlainRecord(value)
        back.append(lambda: _copy_into(value, record))
        return record
    if isinstance(value, np.ndarray):
        return _array(value, back)
    return value.item() if isinstance(value, np.generic) else value


def _copy_into(value: Any, record: PlainRecord) -> None:
    array = record.to_array()[0]
    for name in array.dtype.names:
        value[name] = array[name]


def _array(value: Any, back: list[Back]) -> Any:
    if value.dtype.names:
        records = Records(value)
        back.append(records.write_back)
        return records
    cells = value.ravel().tolist()
    mirror: Any = cells if value.ndim == 1 else PlainGrid(value.shape, cells)
    before = list(cells)

    def write() -> None:
        if cells != before:
            value[...] = np.array(cells, dtype=value.dtype).reshape(value.shape)

    back.append(write)
    return mirror


def on_mirrors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The plain function, called with arrays as its compiled twin is."""

    @wraps(function)
    def call(*given: Any) -> Any:
        back: list[Back] = []
        answer = function(*[mirrored(value, back) for value in given])
        for write in back:
            write()
        return answer

    return call
