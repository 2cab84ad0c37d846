"""A patch of one's own as a file: what it holds, what it is held to, where it goes."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import HUNTING
from percpu_fuzz.engine.own.file import described_own, own_words
from percpu_fuzz.engine.variant import VARIANTS, Variant, row_of_variant, variant_of_row
from percpu_fuzz.fuzz.cli import call
from percpu_fuzz.fuzz.options import variant_option
from percpu_fuzz.reports.invariants import applies
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.mutants import FIXED, catalogue, mutants_of
from percpu_fuzz.strategies.plan.recipe import make_plan, plan_from
from percpu_fuzz.strategies.plan.redraw import redraw

PATCHES = Path(__file__).resolve().parents[2] / "docs" / "patches"
CLAIM = """
from percpu_fuzz.own import Variant

MINE = Variant("mine", "as v2")


def nothing_is_left_over(precharge_pages, used_pages):
    '''Every precharged page is used.'''
    return precharge_pages == used_pages


CLAIMS = ["tight", nothing_is_left_over]
"""
CHECKER = """
from percpu_fuzz.own import checker


@checker
def few_steps(topo, prog, st, t):
    '''A case takes less than 40 steps.'''
    return st.nr_steps < 40


@checker
def never(topo, prog, st, t):
    '''Nothing.'''
    return True
"""
UNMARKED = """
from percpu_fuzz.engine.kernel.page_stock import finish_refill
from percpu_fuzz.own import Variant, goto, preempt_on, replaces

MINE = Variant("mine", "as v2")


@replaces
def unlock_refill(st, t, a):
    st.ps_pages[a, 0] += 100 * (st.ps_memcg[a, 0] > 0)
    st.ps_owner[a] = 0
    preempt_on(st, t)
    goto(st, t, finish_refill(st, t))
"""


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def broken_in(variant: Variant, cases: int = 12) -> set[str]:
    """Invariants that break in some measured cases on two nodes, in plain mode."""
    batch = make_plan(variant, 5, preset("two-node")).batch_of("measurement", 0)
    return {violation.invariant for case in range(cases) for violation in redraw(batch, case)[1].violations}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_new_file_is_the_variant_that_it_was_made_from(name: str, tmp_path: Path) -> None:
    """Every choice stands as NAME=VALUE on a line of its own, and the file's Variant has them; it claims nothing."""
    path = tmp_path / "mine.py"
    assert call(["variants", "new", str(path), "--from", name]) == 0
    found = variant_option(str(path))
    assert found.choices() == VARIANTS[name].choices()
    assert dict(re.findall(r"^    (\w+)=(-?\d+),$", path.read_text(), re.M)) == {
        choice: str(value) for choice, value in VARIANTS[name].choices().items()
    }
    assert (found.name, found.based_on, found.judge) == (str(path), name, 0)


def test_a_new_file_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there stays, and so for a name that is no Python file's."""
    path = tmp_path / "mine.py"
    path.write_text("# kept\n")
    assert call(["variants", "new", str(path)]) == 2
    assert call(["variants", "new", str(tmp_path / "mine.txt")]) == 2
    assert call(["variants", "new", str(tmp_path / "my own.py")]) == 2  # nor would --variant take it
    assert path.read_text() == "# kept\n"
    assert capsys.readouterr().err.count("\n") == 3


def test_claims_go_by_the_name() -> None:
    """A copy of v2 is not held to its spare page; a mutant is held to what fixed claims."""
    assert VARIANTS["v2"].judge != 0
    assert dataclasses.replace(VARIANTS["v2"], name="mine").judge == 0
    assert {mutant.variant.judge for mutant in catalogue()} == {FIXED.judge}
    assert not applies("I1b", dataclasses.replace(VARIANTS["v2"], name="mine"))


def test_a_right_formula_is_not_reported(tmp_path: Path) -> None:
    """ceil + min(N, pages) - 1 covers what is used: no I1 and no I1b, although v2's spare page is gone."""
    path = tmp_path / "formula.py"
    call(["variants", "new", str(path)])
    for change in (("precharge_a=1", "precharge_a=0"), ("precharge_b=0", "precharge_b=1"), ("c=0,", "c=-1,")):
        path.write_text(path.read_text().replace(*change, 1))
    found = variant_option(str(path))
    assert (found.precharge_a, found.precharge_b, found.precharge_c) == (0, 1, -1)
    assert broken_in(found) & {"I1", "I1b"} == set()
    assert "I1b" in broken_in(found.claiming(VARIANTS["v2"].judge))  # control: the claim of v2 does not hold


def test_a_claim_of_ones_own_is_judged(tmp_path: Path) -> None:
    """As C1, with the words of its docstring; claims as data count too."""
    found = variant_option(written(tmp_path / "claim.py", CLAIM))
    assert "C1" in broken_in(found)
    assert described_own(found)["own"]["invariants"] == {"C1": "Every precharged page is used"}
    assert described_own(found)["own"]["claims"] == ["tight"]
    assert applies("I1b", found)
    assert applies("C1", found)
    assert not applies("C2", found)


def test_a_checker_looks_on(tmp_path: Path) -> None:
    """From a file without a Variant, on one of the engine's: all of it, or the one that is named."""
    path = written(tmp_path / "look.py", CHECKER)
    assert "C1" in broken_in(variant_option(f"v2+{path}"))
    assert "C1" in broken_in(variant_option(f"v2+{path}:few_steps"))
    assert "C1" not in broken_in(variant_option(f"v2+{path}:never"))
    assert variant_option(f"v2+{path}").judge == VARIANTS["v2"].judge
    with pytest.raises(InputError, match="few_steps, never"):
        variant_option(f"v2+{path}:other")


def test_what_a_file_does_not_mark_is_judged_at_once(tmp_path: Path) -> None:
    """A function in the place of the engine's fills a slot beyond its bound and does not say which CPU's: I4 breaks at
    the very step that calls it, in each of some cases.
    """
    batch = make_plan(variant_option(written(tmp_path / "mine.py", UNMARKED)), 5, preset("two-node")).batch_of(
        HUNTING, 0
    )
    found = [violation for case in range(12) for violation in redraw(batch, case)[1].violations]
    at = [violation.label for violation in found if violation.invariant == "I4"]
    assert len(at) >= 6
    assert set(at) <= {"RS_BODY", "RS_DRAINED"}
    assert "I4" not in broken_in(variant_option(written(tmp_path / "right.py", UNMARKED.replace("100 *", "0 *"))))


def test_a_variant_with_its_file_travels_as_data() -> None:
    """Its row, and a plan's recipe, make an equal variant in another process."""
    found = variant_option(str(PATCHES / "local_rest.py"))
    assert variant_of_row(row_of_variant(found)) == found
    plan = make_plan(found, 1)
    assert plan_from(plan.recipe()).variant == found
    assert plan_from(plan.recipe()).describe() == plan.describe()


def test_the_description_names_what_is_its_own() -> None:
    """File, functions in the place of the engine's, steps in words, and how it differs from what it is based on."""
    found = variant_option(str(PATCHES / "kept_node_stale.py"))
    own = described_own(found)["own"]
    assert (own["based on"], own["differs"]) == ("v2-exts", {})
    assert own["replaces"] == ["add_page", "populate_pages"]
    assert own_words(variant_option(str(PATCHES / "lookup_lock.py")))["OWN_1"] == "spin_lock(lookup_lock)"
    assert described_own(VARIANTS["v2"]) == {}


def test_mutants_of_a_variant_leave_out_what_it_does_itself() -> None:
    """v2 looks up as the mutant `nodeinfo` does; every other mistake is planted in it, and fixed has all."""
    v2 = {mutant.name for mutant in mutants_of(VARIANTS["v2"])}
    assert {mutant.name for mutant in catalogue()} - v2 >= {"nodeinfo", "size-walk", "no-exts", "own-counts"}
    assert {"no-refund", "slip-put"} <= v2
    assert mutants_of(FIXED) == catalogue()


def test_no_shipped_variant_claims_by_file() -> None:
    """C1 to C4 are asked of no variant of the engine's own."""
    own = [name for name in INVARIANT_NAMES if name.startswith("C")]
    assert own
    assert not any(applies(name, variant) for name in own for variant in VARIANTS.values())
