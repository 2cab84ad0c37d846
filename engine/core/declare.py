"""Declares a record once: its NumPy dtype, its plain mirror and its types all come from the same class.

A record class lists fields as `name: Vec = i32("nodes")`. Dimensions are names; a SizeClass gives them lengths. The
compiled engine sees one NumPy structured record; plain mode sees an object of Python integers, lists and Grids.

NumPy is loaded when the first record is made: half of what a command that makes none would take to start.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np


class Vec(Protocol):
    """One-dimensional integer field."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> int: ...
    def __setitem__(self, index: int, value: int) -> None: ...


class Grid(Protocol):
    """Two-dimensional integer field."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, index: tuple[int, int]) -> int: ...
    def __setitem__(self, index: tuple[int, int], value: int) -> None: ...


class Cube(Protocol):
    """Three-dimensional integer field."""

    def __getitem__(self, index: tuple[int, int, int]) -> int: ...
    def __setitem__(self, index: tuple[int, int, int], value: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field: NumPy type code, the names of its dimensions, and what it holds before the first step."""

    code: str
    dims: tuple[str, ...]
    blank: int


def i8(*dims: str, blank: int = 0) -> Any:
    """A field of 8-bit integers with these dimensions, by name; without any a single number. blank: at the start."""
    return Field("i1", dims, blank)


def i16(*dims: str, blank: int = 0) -> Any:
    """The same with 16 bits."""
    return Field("i2", dims, blank)


def i32(*dims: str, blank: int = 0) -> Any:
    """The same with 32 bits."""
    return Field("i4", dims, blank)


def i64(*dims: str, blank: int = 0) -> Any:
    """The same with 64 bits."""
    return Field("i8", dims, blank)


def u64(*dims: str, blank: int = 0) -> Any:
    """The same with 64 bits and no sign."""
    return Field("u8", dims, blank)


Size = dict[str, int]


@cache
def forbidden_names() -> frozenset[str]:
    """A field of one of these names would silently read NumPy's scalar attribute in plain mode."""
    import numpy as np  # with the first record

    return frozenset(dir(np.void(b"")))


def fields_of(record_class: type) -> dict[str, Field]:
    """The declared fields in order. Raises ValueError for a name that NumPy's scalars already use."""
    found = {name: value for name, value in vars(record_class).items() if isinstance(value, Field)}
    for name in found:
        if name in forbidden_names():
            raise ValueError(f"field {record_class.__name__}.{name} hides NumPy's attribute of that name")
    return found


def dtype_of(record_class: type, size: Size) -> np.dtype[np.void]:
    """The aligned structured dtype of `record_class` with the lengths in `size`."""
    import numpy as np  # with the first record

    members = [
        (name, field.code, tuple(size[dim] for dim in field.dims)) for name, field in fields_of(record_class).items()
    ]
    return np.dtype([(n, c, s) if s else (n, c) for n, c, s in members], align=True)


class PlainGrid:
    """A flat list of Python integers read by an index tuple, as a NumPy array is."""

    __slots__ = ("cells", "shape")

    def __init__(self, shape: tuple[int, ...], cells: list[int]) -> None:
        self.shape = shape
        self.cells = cells

    def __len__(self) -> int:
        return self.shape[0]

    def _flat(self, index: tuple[int, ...]) -> int:
        if len(self.shape) == 2:  # nearly all of them, hundreds of times a step
            (row, column), (rows, columns) = index, self.shape
            if 0 <= row < rows and 0 <= column < columns:
                return row * columns + column
        flat = 0
        for position, length in zip(index, self.shape, strict=True):
            if not 0 <= position < length:
                raise IndexError(f"index {index} is outside the shape {self.shape}")
            flat = flat * length + position
        return flat

    def __getitem__(self, index: tuple[int, ...]) -> int:
        return self.cells[self._flat(index)]

    def __setitem__(self, index: tuple[int, ...], value: int) -> None:
        self.cells[self._flat(index)] = value


def plain_array(array: Any) -> Any:
    """The plain mirror of an array of integers: an integer, a list or a PlainGrid."""
    if array.ndim == 0:
        return int(array)
    return array.tolist() if array.ndim == 1 else PlainGrid(array.shape, array.ravel().tolist())


class PlainRecord:
    """The plain mirror of a record: attributes are integers, lists and PlainGrids."""

    def __init__(self, record: Any) -> None:
        self.dtype_ = record.dtype
        for name in record.dtype.names:
            setattr(self, name, plain_array(record[name]))

    def to_array(self) -> np.ndarray[Any, np.dtype[np.void]]:
        """The same values as a NumPy array of one record; OverflowError if a field holds what its type cannot."""
        import numpy as np  # with the first record

        array = np.zeros(1, dtype=self.dtype_)
        for name in self.dtype_.names:
            value = getattr(self, name)
            cells = value.cells if isinstance(value, PlainGrid) else value
            shape = array[name][0].shape
            array[name][0] = np.array(cells, dtype=self.dtype_[name].base).reshape(shape)
        return array
