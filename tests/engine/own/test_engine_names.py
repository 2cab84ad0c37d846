"""What a user's file may replace: every compiled function of what the model does, and none that judges."""

from __future__ import annotations

import re

import pytest

from percpu_fuzz.engine import checks
from percpu_fuzz.engine.own.engine_names import engine_functions, nearest
from percpu_fuzz.engine.own.file import read_own_file
from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.fuzz.commands.variants import COMMENTED_OUT, file_text


@pytest.mark.parametrize("name", ["nr_precharge_pages", "al_mutex", "begin_operation", "reset", "ceil_div"])
def test_functions_of_every_file_can_be_replaced(name: str) -> None:
    """Of the kernel's pieces, the precharge among them, of the case, and of what steps are made of."""
    assert engine_functions()[name].__name__ == name


def test_what_judges_is_not_among_them() -> None:
    """No function of the checks, and none of what was made of the lists of steps."""
    modules = {function.__module__ for function in engine_functions().values()}
    assert not any(module.startswith(checks.__name__) or module.endswith(".derived") for module in modules)
    assert nearest("nr_precharge_page") == "nr_precharge_pages"


def test_the_comments_of_a_new_file_are_a_patch() -> None:
    """What `variants new` writes commented out, uncommented, is read: it replaces the precharge and has a step."""
    code = re.sub(r"^# ?(?=@|def |    |return|CLAIMS)", "", COMMENTED_OUT, flags=re.MULTILINE)
    own = read_own_file(file_text(VARIANTS["v2"], "mine").replace(COMMENTED_OUT, code), "mine.py")
    assert "nr_precharge_pages" in {function.__name__ for function in own.replaced}
    assert list(own.words.values()) == ["my_helper()"]
