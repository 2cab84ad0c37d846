"""A start without what nobody uses: numba loads scipy's linear algebra to find a BLAS before it loads machine code."""

from __future__ import annotations

import importlib
import sys

BLAS = "scipy.linalg"


def without_blas() -> None:
    """Let numba look for a BLAS now and find none: the engine multiplies no matrices. Nothing if one was loaded."""
    if BLAS in sys.modules:
        return
    sys.modules[BLAS] = None  # type: ignore[assignment]  # an import of it ends here
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[BLAS]
