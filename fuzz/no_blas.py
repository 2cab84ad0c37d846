"""A start without what nobody uses: numba loads scipy's linear algebra to find a BLAS before it compiles anything.

OpenBLAS, which numpy and scipy each bring along, takes memory as it is loaded, for every thread that it could have; and
where there is none it asks again for ever, deaf to every signal. So it gets one thread, and is loaded where it fits.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

BLAS = "scipy.linalg"
SEEKS_BLAS = "numba.np.arraymath"
BRING_BLAS = ("numpy", "scipy.special", BLAS)
ROOM_BYTES = 96 << 20  # of addresses: with one thread each maps 83 MB


class _RoomFirst(MetaPathFinder):
    """Finds nothing, but MemoryError before something is loaded that would never come to an end, and for numba none."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        if name == BLAS and is_being_loaded(SEEKS_BLAS):
            raise ImportError("the engine multiplies no matrices")
        if name in BRING_BLAS:
            try:
                mmap.mmap(-1, ROOM_BYTES).close()
            except OSError:
                raise MemoryError(f"no {ROOM_BYTES >> 20} MB to load {name}") from None


def is_being_loaded(name: str) -> bool:
    """Whether an import of the module has begun and not ended."""
    return bool(getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False))


def one_blas_thread() -> None:
    """In a process that has loaded neither: one thread for each, and none is loaded for numba or where there is no
    room for it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, _RoomFirst())
