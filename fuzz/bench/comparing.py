"""An earlier bench beside this one: what has become slower by more than a tenth, beyond the noise of both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from percpu_fuzz.strategies.reading import decode_json, read_bytes

BENCH_SCHEMA = 1
SLOWER = 1.10
BENCH_FILE = "what `percpu-fuzz bench --json` printed"


class EarlierMachine(TypedDict):
    """Where it ran."""

    processor: str


class EarlierRow(TypedDict):
    """A measurement of it, by its yardstick."""

    part: str
    name: str
    relative: Annotated[float, Meta(gt=0)]
    noise: Annotated[float, Meta(ge=0)]


class EarlierBench(TypedDict):
    """What is read of an earlier bench."""

    schema: Literal[1]
    machine: EarlierMachine
    measurements: list[EarlierRow]


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


def earlier_bench(path: Path, where: str) -> EarlierBench:
    """The JSON of an earlier bench: the last line of the file. InputError for anything else."""
    last = read_bytes(path).strip().rpartition(b"\n")[2]
    return decode_json(last, EarlierBench, f"{where}, {path}", BENCH_FILE)


def compared(then: Sequence[EarlierRow], now: Sequence[Mapping[str, Any]]) -> list[Compared]:
    """Of what both measured, in today's order."""
    earlier = {(row["part"], row["name"]): row for row in then}
    pairs = [(earlier[key], row) for row in now if (key := (row["part"], row["name"])) in earlier]
    return [
        Compared(b["part"], b["name"], b["relative"] / a["relative"], math.hypot(a["noise"], b["noise"]))
        for a, b in pairs
    ]
