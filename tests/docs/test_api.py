"""docs/api.md and the public face: its examples run and print what the page says, and it names what is public."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

import percpu_fuzz

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="ascii")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```\n", TEXT, re.S)
EXAMPLES = [(code, output) for (language, code), (_, output) in itertools.pairwise(BLOCKS) if language]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_prints_what_stands_below_it(example: tuple[str, str], tmp_path: Path) -> None:
    """Each block of code runs by itself, in another folder."""
    code, output = example
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == output, done.stderr


def test_every_public_name_is_on_the_page() -> None:
    """What the package offers is described, and can be had."""
    named = set(re.findall(r"`(\w+)", TEXT))
    assert {name for name in percpu_fuzz.__all__ if name not in named} == set()
    assert all(getattr(percpu_fuzz, name) is not None for name in percpu_fuzz.__all__)


def test_no_other_name_is_offered() -> None:
    """An unknown name is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="nothing"):
        percpu_fuzz.nothing  # noqa: B018


def test_no_module_is_loaded_under_two_names() -> None:
    """Everything that a campaign loads is below percpu_fuzz: no folder is also a package of its own."""
    code = (
        "import sys, importlib, pkgutil, percpu_fuzz\n"
        "for module in pkgutil.walk_packages(percpu_fuzz.__path__, 'percpu_fuzz.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "ours = [m for m in sys.modules.values() if getattr(m, '__file__', None)]\n"
        "from pathlib import Path\n"
        "files = [str(Path(m.__file__).resolve()) for m in ours if 'percpu' in m.__name__ or 'fuzz' in m.__name__]\n"
        "tops = {'engine', 'strategies', 'fuzz', 'reports'} & set(sys.modules)\n"
        "print(len(files) > 250, len(files) == len(set(files)), sorted(tops))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "True True []\n", done.stderr
