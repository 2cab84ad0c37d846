"""The pytest plugin that the package registers: which variant a strict regression judges.

`pytest --percpu-variant v2` or `--percpu-variant mine.py`, else the environment variable PERCPU_FUZZ_VARIANT, else the
variant that each regression was found on. What it needs of the project is imported when a test asks for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from percpu_fuzz.engine.variant import Variant

ENVIRONMENT = "PERCPU_FUZZ_VARIANT"


def pytest_addoption(parser: pytest.Parser) -> None:
    """--percpu-variant."""
    words = f"Variant that regressions of percpu-fuzz judge: a name or FILE.py[:NAME]. [env: {ENVIRONMENT}]"
    parser.getgroup("percpu-fuzz").addoption("--percpu-variant", default=None, metavar="NAME", help=words)


@pytest.fixture(scope="session")
def percpu_variant(request: pytest.FixtureRequest) -> Variant | None:
    """The variant to judge; None: the one that the regression was found on."""
    from percpu_fuzz.engine.errors import InputError
    from percpu_fuzz.fuzz.options import variant_option

    typed = request.config.getoption("--percpu-variant")
    text = typed if typed is not None else os.environ.get(ENVIRONMENT)
    if text is None:
        return None
    try:
        return variant_option(text, "--percpu-variant" if typed is not None else ENVIRONMENT)
    except InputError as error:
        raise pytest.UsageError(str(error)) from None
