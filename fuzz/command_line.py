"""The options of `run` as text: what may be given, their defaults, and the line that repeats a campaign."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from percpu_fuzz.strategies.draw.calibration import DEFAULT

DEFAULTS = {
    "variant": "v2", "hunt": "0.5", "scheduler": "portfolio", "faults": "", "learning": "on",
    "calibration": DEFAULT,
    "batch_seconds": "120", "worker_memory": "2G",
    "log_level": "info", "start_method": "fork",
}  # fmt: skip
# What a campaign's results are a function of, in the order of the line that repeats it; then what else is kept.
DRAWN = (
    "variant",
    "topology",
    "cases",
    "time",
    "seed",
    "hunt",
    "scheduler",
    "faults",
    "calibration",
    "learning",
    "shard",
    "stop",
    "explored",
)
MACHINE = ("workers", "batch_seconds", "worker_memory", "report", "log", "log_level", "start_method", "cluster")
KEPT = (*DRAWN, *MACHINE)
BUDGET = ("cases", "time", "stop")  # a resumed session may change these, and what is in MACHINE


def flag(name: str) -> str:
    """The option as it is typed: batch_seconds is --batch-seconds."""
    return "--" + name.replace("_", "-")


def command_of(kept: Mapping[str, str]) -> str:
    """The line that repeats the campaign: what was typed, with the seed that was drawn."""
    words = ["percpu-fuzz", "run"]
    for name in DRAWN:
        if name in kept and (name in ("variant", "seed") or kept[name] != DEFAULTS.get(name)):
            words += [flag(name), kept[name]]
        elif name == "variant":
            words += ["--variant", DEFAULTS["variant"]]
    return shlex.join(words)


def repeating(kept: Mapping[str, str], cases: int) -> str:
    """The line that runs the same batches again: so many cases, however long they take. Without a case: as it was."""
    if not cases:
        return command_of(kept)
    return command_of({name: text for name, text in kept.items() if name != "time"} | {"cases": str(cases)})
