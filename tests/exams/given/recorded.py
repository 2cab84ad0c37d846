"""Recorded kernels: memory.stat rows and hook arithmetic, with controls that must come out worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exams.given.damage import LINES as DAMAGE
from places import ROOT

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.fidelity.fidelity import replay_rows
from percpu_fuzz.strategies.fidelity.hook_check import check_hooks
from percpu_fuzz.strategies.fidelity.hook_records import read_hooks
from percpu_fuzz.strategies.trace.recorded_run import RecordedRun

RUNS = ROOT.parent / "shared" / "kernel-runs"
HOOKS = {"mix-p8-n4": "v2-fast", "tup-p6-n2": "v2", "tup-p6-n4": "v2", "tup-p7-n2": "v2-exts", "tup-p8-n2": "v2-fast"}
KEEPS_PERCPU_B = replace(VARIANTS["base"], name="free keeps PERCPU_B", stat=2)


def rows_of(name: str) -> dict[str, Any]:
    (folder,) = RUNS.glob(f"{name}-*")
    read = RecordedRun.of_folder(folder).read()
    done, control = replay_rows(read, VARIANTS["base"]), replay_rows(read, KEEPS_PERCPU_B)
    return {
        "rows": len(done.rows), "rows_equal": done.rows_equal, "worst_difference_bytes": done.worst_difference_bytes,
        "control_equal": control.rows_equal,
    }  # fmt: skip


def memory_stat() -> dict[str, Any]:
    """Every row of memory.stat percpu of r11 and r1 equal to the byte; with a mutant fewer."""
    found = {name: rows_of(name) for name in ("r11", "r1")}
    passed = all(r["rows"] == r["rows_equal"] > r["control_equal"] for r in found.values())
    return {"passed": passed, **found}


def patched_hooks() -> dict[str, Any]:
    """Every record of the five files equal on its variant; with another variant many are not."""
    found = {}
    for name, variant in HOOKS.items():
        path = RUNS / "patched-hooks" / f"{name}.jsonl.gz"
        other = "v2" if variant != "v2" else "v2-exts"
        done, control = (check_hooks(read_hooks(path), VARIANTS[v]) for v in (variant, other))
        found[name] = {
            "variant": variant, "records": done.records, "records_equal": done.records_equal,
            "control": other, "control_equal": control.records_equal,
        }  # fmt: skip
    passed = all(r["records"] == r["records_equal"] > 2 * r["control_equal"] for r in found.values())
    return {"passed": passed, **found}


LINES = {"memory-stat": memory_stat, "patched-hooks": patched_hooks, **DAMAGE}
