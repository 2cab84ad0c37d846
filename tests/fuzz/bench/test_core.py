"""The C core is its Python twin: nothing is timed before that is seen."""

from __future__ import annotations

import pytest

from percpu_fuzz.fuzz.bench.core import SOURCE, compiled_core, compiler, run_core

NEEDS_CC = pytest.mark.skipif(compiler() is None, reason="no C compiler")


@NEEDS_CC
def test_both_cores_pass_the_same_states() -> None:
    """On seeds and lengths that the check before the timing does not have."""
    core = compiled_core()
    assert all(core(seed, 2000) == run_core(seed, 2000) != 0 for seed in range(10, 60))


@NEEDS_CC
@pytest.mark.parametrize(
    ("right", "wrong"),
    [("STOCK_MOST = 16", "STOCK_MOST = 17"), ("usage -= stock[i];", "usage -= 0;"), ("% 5", "% 4")],
)
def test_another_model_is_refused(right: str, wrong: str) -> None:
    """Control: a core that does something else is not timed, nor one that loses pages."""
    text = SOURCE.read_text()
    assert text.count(right) >= 1
    with pytest.raises(ValueError, match="not the model"):
        compiled_core(text.replace(right, wrong))


@NEEDS_CC
def test_what_the_compiler_refuses_is_said() -> None:
    """The first line of its words."""
    with pytest.raises(RuntimeError, match="refuses"):
        compiled_core("no C")


def test_every_step_is_taken() -> None:
    """The model is not stuck: hashes of growing lengths differ, and no page is lost."""
    assert len({run_core(1, steps) for steps in range(1, 200)}) == 199
