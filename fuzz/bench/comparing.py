"""An earlier bench beside this one: what has become slower by more than a tenth, beyond the noise of both."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.reading import read_bytes

BENCH_SCHEMA = 1
SLOWER = 1.10
BENCH_FILE = "what `percpu-fuzz bench --json` printed"
COMPARED = ("part", "name", "relative", "noise")


@dataclass(frozen=True, slots=True)
class Compared:
    """A measurement then and now. ratio: now to then, both by their yardsticks; noise: of the ratio, 95%."""

    part: str
    name: str
    ratio: float
    noise: float

    @property
    def is_slower(self) -> bool:
        """Whether it is slower by more than SLOWER even if all of the noise is to its disadvantage."""
        return self.ratio * (1 - self.noise) > SLOWER


def earlier_bench(path: Path, where: str) -> dict[str, Any]:
    """The JSON of an earlier bench: the last line of the file. InputError for anything else."""
    try:
        lines = read_bytes(path).decode().strip().splitlines()
        found: dict[str, Any] = json.loads(lines[-1])
        rows = [tuple(row[name] for name in COMPARED) for row in found["measurements"]]
        is_bench = found["schema"] == BENCH_SCHEMA and isinstance(found["machine"]["processor"], str)
        good = all(
            isinstance(part, str)
            and isinstance(name, str)
            and is_figure(relative)
            and relative > 0
            and is_figure(noise)
            for part, name, relative, noise in rows
        )
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InputError(where, f"{path}: {type(error).__name__}: {error}", BENCH_FILE) from None
    if not is_bench or not good:
        raise InputError(where, f"{path}: no bench, or of another version", BENCH_FILE)
    return found


def is_figure(value: object) -> bool:
    """Whether it is a number from 0 on that is one."""
    return isinstance(value, int | float) and math.isfinite(value) and value >= 0


def compared(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[Compared]:
    """Of what both measured, in today's order."""
    earlier = {(row["part"], row["name"]): row for row in then}
    pairs = [(earlier[key], row) for row in now if (key := (row["part"], row["name"])) in earlier]
    return [
        Compared(b["part"], b["name"], b["relative"] / a["relative"], math.hypot(a["noise"], b["noise"]))
        for a, b in pairs
    ]
