"""The machine that a bench ran on, as far as it says what it is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.core.compiled import code_version
from percpu_fuzz.fuzz.bench.core import compiler
from percpu_fuzz.fuzz.findings.provenance import package_version
from percpu_fuzz.fuzz.options import usable_cpus

VERSIONS = ("numba", "numpy", "llvmlite", "percpu-fuzz")


def described_machine() -> dict[str, Any]:
    """Processor, CPUs that may be used, caches, load when it began, versions of what computes; fit for JSON."""
    return {
        "processor": processor(), "cpus": usable_cpus(), "caches": caches(), "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2), "python": platform.python_version(), "compiler": compiler(),
        "versions": {name: package_version(name) for name in VERSIONS}, "code": code_version(),
    }  # fmt: skip


def processor() -> str:
    """The model name of the first CPU; what the platform says where /proc does not."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def caches() -> list[str]:
    """Sizes of the first CPU's data caches, the nearest first; [] where the kernel does not say."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind, level, size = ((folder / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:
            continue
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return found
