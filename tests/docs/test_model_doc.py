"""docs/MODEL.md against the source: steps, functions, invariants, hazards, variants and their choices."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from percpu_fuzz.engine.case import step
from percpu_fuzz.engine.core.compiled import ROOT
from percpu_fuzz.engine.core.evidence import MODEL_INVARIANTS
from percpu_fuzz.engine.core.labels import MODEL_NAMES, NAMES, OWN_NAMES
from percpu_fuzz.engine.core.records import NR_HAZARDS
from percpu_fuzz.engine.variant import VARIANTS, Variant

TEXT = (ROOT / "docs" / "MODEL.md").read_text(encoding="ascii")
CODE = re.compile(r"`([^`]+)`")
JUDGES = {"violate": 3, "kill_case": 2}  # which argument names the invariant
NAME_OF = {name.upper(): name for name in MODEL_INVARIANTS}


def section(title: str) -> str:
    """The text of one second-level section."""
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, head and rule left out."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line] for line in lines]
    return [row for i, row in enumerate(cells) if not row[0].startswith("---") and not _is_head(cells, i)]


def _is_head(cells: list[list[str]], i: int) -> bool:
    return i + 1 < len(cells) and cells[i + 1][0].startswith("---")


def functions() -> dict[str, ast.FunctionDef]:
    """Every function of the engine by `module.name`."""
    return {
        f"{path.stem}.{node.name}": node
        for path in sorted((ROOT / "engine").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def calls(node: ast.FunctionDef) -> Iterator[tuple[str, list[ast.expr]]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
            yield inner.func.id, inner.args


def step_rows() -> list[list[str]]:
    return [row for row in rows(section("Step table")) if not row[0].startswith("`OWN_1`")]


def test_every_step_is_in_the_table_once() -> None:
    """The step table names each label of engine/core/labels.py once, and no other."""
    named = [CODE.findall(row[0])[0] for row in step_rows()]
    assert sorted(named) == sorted(MODEL_NAMES)


def test_own_steps_have_one_row() -> None:
    """Labels that only a file gives a step are in one row, from the first to the last."""
    (row,) = [row for row in rows(section("Step table")) if row[0].startswith("`OWN_1`")]
    assert CODE.findall(row[0]) == [OWN_NAMES[0], OWN_NAMES[-1]]


def test_the_table_names_the_function_that_runs_at_each_label() -> None:
    """The function in a label's row is the one that is called at that label."""
    runs = {
        NAMES[label]: f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
        for label, function in vars(step)["perform"].steps.items()
    }
    assert len(runs) == len(MODEL_NAMES)
    assert {CODE.findall(row[0])[0]: CODE.findall(row[3])[0] for row in step_rows()} == runs


def test_every_function_that_is_named_exists() -> None:
    """Whatever reads `module.function` with a module of the engine is a function there."""
    known = functions()
    modules = {path.stem for path in (ROOT / "engine").rglob("*.py")}
    named = {word for word in CODE.findall(TEXT) if re.fullmatch(r"\w+\.\w+", word) and word.split(".")[0] in modules}
    assert named
    assert named - set(known) == set()


def test_every_file_that_is_named_exists() -> None:
    """A path in backquotes, or `path:function`, points to something."""
    named = [word.split(":") for word in CODE.findall(TEXT) if re.fullmatch(r"[\w/]+\.(py|md)(:\w+)?", word)]
    assert named
    for path, *name in named:
        assert (ROOT / path).is_file(), path
        assert not name or f"{Path(path).stem}.{name[0]}" in functions(), path


def test_invariants_are_judged_where_the_table_says() -> None:
    """Each invariant's row names exactly the functions that record its violation."""
    found: dict[str, set[str]] = defaultdict(set)
    for where, node in functions().items():
        for name, arguments in calls(node):
            if name in JUDGES and where not in ("evidence.kill_case",):
                invariant = arguments[JUDGES[name]]
                assert isinstance(invariant, ast.Name), where
                found[NAME_OF[invariant.id]].add(where)
    table = {row[0]: set(CODE.findall(row[2])) for row in rows(section("Invariants"))}
    own = table.pop("C1 to C4")
    assert own == {"hooks.own_claims", "hooks.own_check"}
    assert list(table) == list(MODEL_INVARIANTS)
    assert table == dict(found)


def test_hazards_are_marked_where_the_table_says() -> None:
    """Each hazard's row names exactly the functions that count it; one that nobody counts says `not marked`."""
    found: dict[str, set[str]] = defaultdict(set)
    for where, node in functions().items():
        for name, arguments in calls(node):
            if name == "hazard":
                number = arguments[1]
                assert isinstance(number, ast.Constant), where
                found[f"H{number.value!r}"].add(where)
    table = rows(section("Hazards"))
    assert [row[0] for row in table] == [f"H{n}" for n in range(1, NR_HAZARDS)]
    for hazard, _, marked in table:
        assert set(CODE.findall(marked)) == found[hazard], hazard
        assert (marked == "not marked") == (not found[hazard]), hazard


def test_variants_and_their_choices_are_named() -> None:
    """The variants' section names every variant, every choice, and for each variant all that differs from v2."""
    text = section("Variants")
    named = set(CODE.findall(text))
    assert set(Variant("x", "").choices()) - {"walk"} <= named
    assert "walk" in named
    table = {CODE.findall(row[0])[0]: set(CODE.findall(row[2])) for row in rows(text)}
    assert set(table) == set(VARIANTS)
    base = VARIANTS["v2"].choices()
    for name, variant in VARIANTS.items():
        differs = {choice for choice, value in variant.choices().items() if value != base[choice]}
        assert differs <= table[name], name


@pytest.mark.parametrize("gone", ["`PO_REFUND`", "`UC_LEVEL`"])
def test_a_missing_row_would_be_noticed(gone: str) -> None:
    """Control: without the row of one step the comparison of the tables fails."""
    left = [CODE.findall(row[0])[0] for row in step_rows() if row[0] != gone]
    assert len(left) == len(MODEL_NAMES) - 1
    assert sorted(left) != sorted(MODEL_NAMES)
