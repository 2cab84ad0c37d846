"""Recorded runs against the model: rows, areas, placement, each with a control that must come out worse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from places import ROOT

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.fidelity.areas import check_areas
from percpu_fuzz.strategies.fidelity.fallback import TOLERANCE
from percpu_fuzz.strategies.fidelity.fidelity import check_run, replay_rows, unit_bytes_of
from percpu_fuzz.strategies.trace.recorded_run import ReadTrace, RecordedRun

RUNS = ROOT.parent / "shared" / "kernel-runs"
LAGGING = {"r12": 41}
OFFSETS_LEAST = {"r11": 0.95, "r12": 0.95}
OTHERS_LEAST = 0.80
KEEPS_PERCPU_B = replace(VARIANTS["base"], name="free keeps PERCPU_B", stat=2)


def runs() -> Iterator[tuple[str, ReadTrace]]:
    """Every recorded run by its short name."""
    for folder in sorted(RUNS.glob("r[0-9]*-*")):
        yield folder.name.split("-")[0], RecordedRun.of_folder(folder).read(keep_events=True)


def fidelity_rows() -> dict[str, Any]:
    """Rows equal in all runs but for the lagging ones of r12; an accounting that keeps freed bytes has fewer."""
    found: dict[str, Any] = {}
    for name, read in runs():
        replayed, control = replay_rows(read, VARIANTS["base"]), replay_rows(read, KEEPS_PERCPU_B)
        found[name] = {
            "rows": len(replayed.rows), "equal": replayed.rows_equal, "lagging": replayed.rows_lagging,
            "worst_other_bytes": replayed.worst_other_bytes, "control_equal": control.rows_equal,
        }  # fmt: skip
    passed = len(found) >= 6 and all(
        row["equal"] + row["lagging"] == row["rows"] > 0
        and row["lagging"] == LAGGING.get(name, 0)
        and row["control_equal"] < row["equal"]
        for name, row in found.items()
    )
    return {"passed": passed, **found}


def fidelity_areas() -> dict[str, Any]:
    """Allocations of dynamic chunks at the recorded chunk and offset: 95% on r11 and r12, 80% on the others."""
    found: dict[str, Any] = {}
    for name, read in runs():
        page_bytes = read.run.topology.page_size
        unit_bytes, _ = unit_bytes_of(read.run.first_chunk, page_bytes)
        assert unit_bytes is not None
        report = check_areas(read.stream.events or (), unit_bytes, page_bytes)
        wrong = check_areas(read.stream.events or (), unit_bytes * 2, page_bytes)
        found[name] = {
            "allocations": report.allocations, "equal": report.equal, "longest_stretch": report.stretch,
            "causes": dict(report.causes), "share": round(report.equal / report.allocations, 4),
            "control_share": round(wrong.equal / wrong.allocations, 4),
        }  # fmt: skip
    passed = len(found) >= 6 and all(
        row["share"] >= OFFSETS_LEAST.get(name, OTHERS_LEAST)
        and sum(row["causes"].values()) == row["allocations"] - row["equal"]
        and row["control_share"] < row["share"]
        for name, row in found.items()
    )
    return {"passed": passed, **found}


def fidelity_placement() -> dict[str, Any]:
    """Fallback shares by CPU node within 5 points, switches within the recorded range; charge failures not refuted."""
    found: dict[str, Any] = {}
    within = True
    for name, read in runs():
        fidelity = check_run(read, VARIANTS["base"])
        assert fidelity.fallback is not None
        shares = fidelity.fallback.nodes.values()
        switches = all(
            min(s.switches_recorded) <= min(s.switches_model) and max(s.switches_model) <= max(s.switches_recorded)
            for s in shares
        )
        off = max(s.fallback_difference for s in shares)
        within = within and switches and off <= TOLERANCE and fidelity.fallback.within
        contradicted = 0 if fidelity.charges is None else fidelity.charges.contradicted
        within = within and contradicted == 0
        found[name] = {
            "pages": fidelity.fallback.pages, "pages_equal": fidelity.fallback.pages_equal,
            "points_off": round(100 * off, 2), "switches_within": switches, "charge_failures_refuted": contradicted,
        }  # fmt: skip
    return {"passed": within and len(found) >= 6, **found}


LINES = {
    "fidelity-rows": fidelity_rows,
    "fidelity-areas": fidelity_areas,
    "fidelity-placement": fidelity_placement,
}
