"""Calibration: weights of the measurement stream fitted to recorded runs, as data with their source and their fit.

A calibration replaces whole tables of draw/choices.py; those that it does not name keep their own weights. The
hunting stream never sees it. How a calibration is fitted: strategies/calibrate/calibrate.py; why: docs/adr/0012.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import msgspec

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.draw.choices import KINDS, Kind
from percpu_fuzz.strategies.draw.goodness import Goodness
from percpu_fuzz.strategies.reading import read_json

SCHEMA = 1
DEFAULT = "default"
DATA = Path(__file__).parent / "data"
CALIBRATION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
VALUES_MOST = 256
OWN_VALUES = {"size": (4, 1 << 16), "align": (4, 1 << 16), "max": (-1, 1 << 30)}  # name -> least and most; 64K pages
FIXED_VALUES = ("op", "gfp", "place", "step")
TABLES = (*OWN_VALUES, *FIXED_VALUES)
CALIBRATION_FILE = "a calibration as `percpu-fuzz calibrate -o FILE` writes it"

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recorded run: its name, its kernel where known, charged allocations, all allocations, backing pages."""

    run: str
    kernel: str
    charged: Count
    allocations: Count
    pages: Count


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of choices: values with their weights."""

    values: tuple[int, ...]
    weights: tuple[Count, ...]


class Chain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How recorded pages fell back, for traces that do not say where pages lie.

    steps[i]: pages on entry i of their CPU's zonelist; switches: how often the next page of the same CPU lay on another
    entry, of `pairs` pairs of successive pages.
    """

    steps: tuple[Count, ...]
    switches: Count
    pairs: Count

    @property
    def redraw(self) -> float:
        """The chance that a page draws anew: a draw that may come out the same gives the recorded rate of switches."""
        total = max(sum(self.steps), 1)
        other = 1 - sum((n / total) ** 2 for n in self.steps)
        return min(1.0, self.switches / max(self.pairs, 1) / other) if other > 0 else 0.0


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a calibration file holds.

    fits: how far each distribution is from the runs, in the fitted weights and in the default ones. held_out: by run,
    how far it is from what is fitted to the others; of a single run, how far its second half is from what is fitted to
    the first. left_out: what could not be fitted, and why. chain: fallback, for the placement model.
    """

    schema: int
    name: str
    sources: tuple[Source, ...]
    tables: dict[str, Table]
    fits: dict[str, Goodness] = {}
    held_out: dict[str, dict[str, Goodness]] = {}
    left_out: tuple[str, ...] = ()
    chain: Chain | None = None

    @property
    def digest(self) -> str:
        """SHA-256 (16 hexadecimal digits) of what is drawn from it: names, values and weights of its tables."""
        return hashlib.sha256(msgspec.json.encode(self.tables, order="deterministic")).hexdigest()[:16]

    @property
    def described(self) -> str:
        """Name and digest, for provenance."""
        return f"{self.name} {self.digest}"

    def kinds(self) -> dict[str, Kind]:
        """The table of choices, with the measurement weights of this calibration."""
        return {name: self._kind(name, kind) for name, kind in KINDS.items()}

    def _kind(self, name: str, kind: Kind) -> Kind:
        found = self.tables.get(name)
        if found is None:
            return kind
        values = tuple(-size for size in found.values) if name == "size" else found.values  # bytes: decode.bytes_on
        return replace(kind, values=values, measure=found.weights, hunt=(0,) * len(found.weights))


def refused_shares(found: Calibration, page_bytes: int, min_unit_bytes: int) -> dict[str, float]:
    """Table -> weight of values that the allocator refuses on such a machine, of the whole: only those above 0."""
    shares = {}
    for name, most in (("size", min_unit_bytes), ("align", page_bytes)):
        table = found.tables.get(name)
        if table is not None:
            beyond = sum(weight for value, weight in zip(table.values, table.weights, strict=True) if value > most)
            shares[name] = beyond / sum(table.weights)
    return {name: share for name, share in shares.items() if share > 0}


def shipped() -> dict[str, Path]:
    """Name -> file of the calibrations that come with the project."""
    files = {path.stem.removeprefix("calibration-"): path for path in DATA.glob("calibration-*.json")}
    return dict(sorted(files.items()))


def find_calibration(text: str, where: str = "--calibration") -> Calibration | None:
    """A shipped calibration by name, or one from a file; None for `default`. InputError for what is neither."""
    if text == DEFAULT:
        return None
    found = shipped().get(text)
    if found is None and not Path(text).is_file():
        raise InputError(where, repr(text), ", ".join((DEFAULT, *shipped())) + " or a file of percpu-fuzz calibrate")
    return read_calibration(Path(text) if found is None else found)


def read_calibration(path: Path) -> Calibration:
    """A calibration from its file, checked. InputError with file and what is wrong."""
    return check_calibration(read_json(path, Calibration, CALIBRATION_FILE), str(path))


def check_calibration(found: Calibration, where: str) -> Calibration:
    """The same, if a campaign can draw from it."""
    if found.schema != SCHEMA:
        raise InputError(f"{where}, schema", str(found.schema), str(SCHEMA))
    if not CALIBRATION_NAME.fullmatch(found.name) or found.name == DEFAULT:
        raise InputError(f"{where}, name", repr(found.name[:80]), "letters, digits, '.', '_', '-', and not 'default'")
    for name, table in found.tables.items():
        if name not in TABLES:
            raise InputError(f"{where}, tables", repr(name[:80]), ", ".join(TABLES))
        check_table(name, table, f"{where}, tables, {name}")
    chain = found.chain
    if chain is not None and (not chain.steps or sum(chain.steps) == 0 or chain.switches > chain.pairs):
        raise InputError(f"{where}, chain", "no page, or more switches than pairs", "what calibrate writes")
    return found


def check_table(name: str, table: Table, where: str) -> None:
    """Values that can be drawn, each with a weight, not all of them 0."""
    if len(table.values) != len(table.weights) or not 0 < len(table.values) <= VALUES_MOST:
        given = f"{len(table.values)} values, {len(table.weights)} weights"
        raise InputError(where, given, f"as many weights as values, 1 to {VALUES_MOST}")
    if len(set(table.values)) != len(table.values):
        raise InputError(where, "a value that comes twice", "each value once")
    if sum(table.weights) == 0:
        raise InputError(where, "weights that are all 0", "at least one above 0")
    if name in FIXED_VALUES and table.values != KINDS[name].values:
        raise InputError(where, f"values {list(table.values)[:8]}", f"those of the project: {list(KINDS[name].values)}")
    if name in OWN_VALUES:
        least, most = OWN_VALUES[name]
        for value in table.values:
            if (
                not least <= value <= most
                or (name == "size" and value % 4)
                or (name == "align" and value & (value - 1))
            ):
                words = {"size": "multiples of 4 ", "align": "powers of two ", "max": "pages "}[name]
                raise InputError(where, str(value), f"{words}from {least} to {most}")


def dump_calibration(found: Calibration) -> bytes:
    """The file: JSON, keys of tables sorted, ending in a newline; equal calibrations give equal bytes."""
    return msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=1) + b"\n"
