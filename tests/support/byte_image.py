"""A plain record that keeps the bytes of its NumPy twin up to date, and a hash of them that costs what was written.

Hashing the whole record after each step would cost more than the step. The hash is a sum over 8-byte words, so a write
changes one term; compiled code computes the same sum over the record itself (equality.hash_words).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.compiled import plain
from percpu_fuzz.engine.core.declare import PlainGrid, PlainRecord
from percpu_fuzz.strategies.draw.rng import GOLDEN, MASK, mix

CODES = {"i1": "<b", "i2": "<h", "i4": "<i", "i8": "<q", "u8": "<Q"}


class Image:
    """The bytes of a record, the words written since the last look, and the hash's terms."""

    def __init__(self, record: Any) -> None:
        data = record.tobytes()
        self.data = bytearray(data + bytes(-len(data) % 8))
        self.terms: dict[int, int] = {}
        self.total = 0
        self.dirty = set(np.flatnonzero(np.frombuffer(self.data, dtype=np.uint64)).tolist())
        self.mix = plain(mix)

    def put(self, offset: int, code: str, value: int) -> None:
        """Write one cell; struct.error if it does not fit its type."""
        struct.pack_into(code, self.data, offset, value)
        self.dirty.add(offset >> 3)

    def digest(self) -> int:
        """The hash of the record as it stands."""
        mask, golden = int(MASK), int(GOLDEN)
        for i in self.dirty:
            word = int.from_bytes(self.data[8 * i : 8 * i + 8], "little")
            term = self.mix((word + (i + 1) * golden) & mask) if word else 0
            self.total += term - self.terms.get(i, 0)
            self.terms[i] = term
        self.dirty.clear()
        return self.total & mask


class TrackedList(list[int]):
    """A field of one dimension whose writes reach the image."""

    def attach(self, image: Image, offset: int, code: str, width: int) -> TrackedList:
        self.where = (image, offset, code, width)
        return self

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        image, offset, code, width = self.where
        image.put(offset + width * (index + len(self) if index < 0 else index), code, value)


class TrackedGrid(PlainGrid):
    """A field of more dimensions whose writes reach the image."""

    __slots__ = ("where",)

    def __init__(self, grid: PlainGrid, image: Image, offset: int, code: str, width: int) -> None:
        super().__init__(grid.shape, grid.cells)
        self.where = (image, offset, code, width)

    def __setitem__(self, index: tuple[int, ...], value: int) -> None:
        flat = self._flat(index)
        self.cells[flat] = value
        image, offset, code, width = self.where
        image.put(offset + width * flat, code, value)


class TrackedRecord(PlainRecord):
    """A plain mirror with an image. `image.digest()` equals hash_words over the record's words."""

    image: Image

    def __init__(self, record: Any) -> None:
        fields: dict[str, tuple[int, str]] = {}
        object.__setattr__(self, "scalars", fields)
        super().__init__(record)
        image = Image(record)
        for name in record.dtype.names:
            dtype, offset = record.dtype.fields[name][:2]
            code, width = CODES[dtype.base.str[1:]], dtype.base.itemsize
            value = getattr(self, name)
            if isinstance(value, PlainGrid):
                object.__setattr__(self, name, TrackedGrid(value, image, offset, code, width))
            elif isinstance(value, list):
                object.__setattr__(self, name, TrackedList(value).attach(image, offset, code, width))
            else:
                fields[name] = (offset, code)
        object.__setattr__(self, "image", image)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        where = self.scalars.get(name)  # type: ignore[attr-defined]
        if where is not None:
            self.image.put(where[0], where[1], value)
