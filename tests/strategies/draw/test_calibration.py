"""Calibrations as data: what is shipped, what is refused, and what a plan draws with one."""

from __future__ import annotations

import base64
import itertools
import json
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from few_cases import drawn_programs

from percpu_fuzz.engine.core.labels import OP_KILLED
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.strategies.draw.calibration import (
    DEFAULT,
    Calibration,
    Table,
    check_calibration,
    dump_calibration,
    find_calibration,
    read_calibration,
    refused_shares,
    shipped,
)
from percpu_fuzz.strategies.draw.choices import KIND_NAMES, KINDS, LAYOUT, thresholds
from percpu_fuzz.strategies.draw.faults import FAILURES, with_rates
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import choices_of
from percpu_fuzz.strategies.plan.recipe import make_plan, plan_from

RUNS = ("r1", "r3", "r5", "r6", "r11", "r12")


def recorded() -> Calibration:
    found = find_calibration("recorded")
    assert found is not None
    return found


def test_shipped_ones_are_read_and_name_their_runs() -> None:
    """The pooled one has six runs and holds each out; each run's own has its second half held out."""
    assert set(shipped()) == {"recorded", *(f"recorded-{run}" for run in RUNS)}
    for name, path in shipped().items():
        found = read_calibration(path)
        assert found.name == name
        assert dump_calibration(found) == path.read_bytes()
        assert all(fit.n > 0 and 0 <= fit.distance <= 1 for fit in found.fits.values())
        assert found.held_out
    assert [source.run.partition("-")[0] for source in recorded().sources] == list(RUNS)
    assert set(recorded().held_out) == {source.run for source in recorded().sources}
    assert sum(source.charged for source in recorded().sources) == sum(recorded().tables["size"].weights)


def test_what_a_machine_refuses_of_a_calibration() -> None:
    """Weights above 32 KiB and above a page; none is no entry; a table that is not named is not judged."""
    tables = {"size": Table((8, 40_000), (3, 1)), "align": Table((8, 8192, 65536), (1, 1, 2))}
    found = replace_tables(recorded(), tables)
    assert refused_shares(found, 4096, 32768) == {"size": 0.25, "align": 0.75}
    assert refused_shares(found, 16384, 32768) == {"size": 0.25, "align": 0.5}
    assert refused_shares(found, 65536, 65536) == {}
    assert refused_shares(replace_tables(recorded(), {}), 4096, 32768) == {}


def replace_tables(found: Calibration, tables: dict[str, Table]) -> Calibration:
    return msgspec.structs.replace(found, tables=tables)


def test_the_default_is_no_calibration_and_another_name_is_refused() -> None:
    """`default` stands for the table's own weights; a name that is neither shipped nor a file names those that are."""
    assert find_calibration(DEFAULT) is None
    with pytest.raises(InputError, match=r"default, recorded, .*, recorded-r6 or a file"):
        find_calibration("nothing")


GOOD: dict[str, Any] = {
    "schema": 1,
    "name": "mine",
    "sources": [],
    "tables": {"align": {"values": [8], "weights": [1]}},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "schema: 2; allowed: 1"),
        ({"more": 1}, "unknown field `more`"),
        ({"name": "default"}, "not 'default'"),
        ({"name": "a\nb"}, "letters, digits"),
        ({"tables": {"cpu": {"values": [0], "weights": [1]}}}, "'cpu'"),
        ({"tables": {"size": {"values": [6], "weights": [1]}}}, "6; allowed: multiples of 4"),
        ({"tables": {"size": {"values": [65540], "weights": [1]}}}, "65540; allowed"),
        ({"tables": {"align": {"values": [131072], "weights": [1]}}}, "from 4 to 65536"),
        ({"tables": {"align": {"values": [12], "weights": [1]}}}, "12; allowed: powers of two"),
        ({"tables": {"align": {"values": [8, 8], "weights": [1, 1]}}}, "comes twice"),
        ({"tables": {"align": {"values": [8, 4], "weights": [1]}}}, "2 values, 1 weights"),
        ({"tables": {"align": {"values": [8], "weights": [0]}}}, "all 0"),
        ({"tables": {"align": {"values": [8], "weights": [-1]}}}, ">= 0"),
        ({"tables": {"align": {"values": [8], "weights": [1.5]}}}, "int"),
        ({"tables": {"step": {"values": [8], "weights": [1]}}}, "those of the project"),
        ({"chain": {"steps": [], "switches": 0, "pairs": 0}}, "no page"),
        ({"chain": {"steps": [1], "switches": 2, "pairs": 1}}, "more switches"),
    ],
)
def test_a_file_that_cannot_be_drawn_from_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    """One line that names the file, what is wrong and what is allowed. Control: unchanged it is taken."""
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(GOOD))
    assert read_calibration(path).tables["align"] == Table((8,), (1,))
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(InputError) as refused:
        read_calibration(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_measurement_draws_with_it_and_hunting_does_not() -> None:
    """The calibrated tables are the fitted weights to 2^-32; all others, and the hunting stream, are as before."""
    plain_plan = make_plan("v2", 1, preset("two-node"))
    plan = make_plan("v2", 1, preset("two-node"), calibration=recorded())
    for before, after in zip(plain_plan.tables["hunting"], plan.tables["hunting"], strict=True):
        assert (before == after).all()
    _, values, counts, limits = plan.tables["measurement"]
    for name, kind in recorded().kinds().items():
        row = KIND_NAMES.index(name)
        assert counts[row] == len(kind.values)
        assert values[row, : len(kind.values)].tolist() == list(kind.values)
        shares = np.diff([0, *(int(limit) for limit in limits[row, : len(kind.values)])])
        total = sum(kind.measure)
        assert all(abs(int(s) - (w << 32) / total) <= 1 for s, w in zip(shares, kind.measure, strict=True))
        if name not in recorded().tables:
            assert kind == KINDS[name]


def test_drawn_sizes_have_the_fitted_shares() -> None:
    """Of 300 drawn cases' sizes (12,000), each of the five commonest is within five standard deviations of its weight,
    so that the chance to fail is below 1e-5; the default's differ by more."""
    batch = make_plan("v2", 7, preset("two-node"), calibration=recorded()).batch_of("measurement", 0)
    table = recorded().tables["size"]
    at = [i for i, kind in enumerate(LAYOUT) if kind == "size"]
    drawn: Counter[int] = Counter()
    for case in range(300):
        choices = base64.b64decode(choices_of(batch, case))
        drawn.update(table.values[choices[i] % len(table.values)] for i in at)
    n, total = drawn.total(), sum(table.weights)
    weight_of = dict(zip(table.values, table.weights, strict=True))
    default = dict(zip(KINDS["size"].values, KINDS["size"].measure, strict=True))
    common = sorted(weight_of, key=lambda size: -weight_of[size])[:5]
    for size in common:
        share = weight_of[size] / total
        assert abs(drawn[size] / n - share) < 5 * (share * (1 - share) / n) ** 0.5
    assert any(abs(drawn[size] / n - default.get(size, 0) / sum(default.values())) > 0.02 for size in common)


def test_recorded_sizes_are_bytes_on_any_machine() -> None:
    """With pages of 64 KiB a recorded size stays what it was; the project's own from 4096 on count pages (control)."""
    machine = preset("sparse")
    assert machine.page_size == 65536
    for calibration, most in ((recorded(), 1 << 15), (None, 1 << 20)):
        batch = make_plan("v2", 7, machine, calibration=calibration).batch_of("measurement", 0)
        sizes = {
            op.size_bytes for _, program in drawn_programs(batch, 60) for task in program.tasks
            for op in task.ops if op.kind == "alloc"
        }  # fmt: skip
        assert 4096 < max(sizes) <= most
        if calibration is not None:
            assert sizes <= set(calibration.tables["size"].values)
        else:
            assert max(sizes) > 1 << 15


def test_another_process_makes_the_same_plan() -> None:
    """The recipe, through JSON, gives the same tables and the same description."""
    plan = make_plan("v2", 1, preset("two-node"), calibration=recorded())
    again = plan_from(json.loads(json.dumps(plan.recipe())))
    for one, other in zip(plan.tables["measurement"], again.tables["measurement"], strict=True):
        assert (one == other).all()
    assert again.describe() == plan.describe()


def test_the_description_names_it() -> None:
    """Name and digest in the stored provenance; the digest is of the weights, and another weight gives another."""
    plan = make_plan("v2", 1, preset("two-node"), calibration=recorded())
    assert plan.describe()["calibration"] == f"recorded {recorded().digest}"
    assert make_plan("v2", 1, preset("two-node")).describe()["calibration"] == DEFAULT
    tables = recorded().tables | {"align": Table((8,), (1,))}
    assert msgspec.structs.replace(recorded(), tables=tables).digest != recorded().digest
    assert msgspec.structs.replace(recorded(), name="other").digest == recorded().digest


def test_a_rate_of_what_is_never_drawn_is_refused() -> None:
    """--faults killed=0.5 with weights that draw no such flag has nothing to scale; 0 of it is there already."""
    kind = KINDS["gfp"]
    weights = tuple(0 if value & OP_KILLED else w for value, w in zip(kind.values, kind.measure, strict=True))
    table = {**KINDS, "gfp": replace(KINDS["gfp"], measure=weights)}
    assert weights != KINDS["gfp"].measure
    limits = thresholds("measurement", table)
    assert (with_rates(limits.copy(), {"killed": Fraction(0)}) == limits).all()
    with pytest.raises(InputError, match="draws no such failures"):
        with_rates(limits, {"killed": Fraction(1, 2)})


@pytest.mark.parametrize("name", ["charge", "node", "no-space"])
def test_a_failure_that_is_off_by_default_has_its_rate_under_a_calibration(name: str) -> None:
    """Control: what no calibration took away and nobody draws unasked gets the rate that is asked for."""
    limits = thresholds("measurement", recorded().kinds())
    rated = with_rates(limits.copy(), {name: Fraction(1, 4)})
    kind_name, bit = FAILURES[name]
    values, row = KINDS[kind_name].values, KIND_NAMES.index(kind_name)
    ends = [0, *map(int, rated[row, : len(values)])]
    widths = [b - a for a, b in itertools.pairwise(ends)]
    assert sum(width for width, value in zip(widths, values, strict=True) if value & bit) == pytest.approx(2**30, abs=8)


def test_a_calibration_in_memory_is_checked_alike() -> None:
    """check_calibration refuses what read_calibration does, under the name it is given."""
    bad = Calibration(1, "mine", (), {"align": Table((3,), (1,))})
    with pytest.raises(InputError, match="recipe, tables, align: 3"):
        check_calibration(bad, "recipe")
