"""Checks a variant that somebody wrote: every choice must be one that the engine has."""

from __future__ import annotations

import re

from percpu_fuzz.engine.choices import CHOICES
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import VARIANTS, Variant

NAME_MOST = 120  # it is in names of folders and files
NAME = rf"[\w.:/+-]{{1,{NAME_MOST}}}"


def check_variant(variant: Variant, where: str) -> None:
    """InputError for a name or a choice that cannot be, naming it and what is allowed."""
    if not isinstance(variant.name, str) or not re.fullmatch(NAME, variant.name, re.ASCII):
        raise InputError(where, f"a variant named {variant.name!r}", f"at most {NAME_MOST} letters, digits and _.:/+-")
    if not isinstance(variant.summary, str) or variant.based_on not in VARIANTS:
        given = f"variant {variant.name!r} has summary {variant.summary!r} and based_on {variant.based_on!r}"
        raise InputError(where, given, "a text, and one of " + ", ".join(VARIANTS))
    for name, value in variant.choices().items():
        if type(value) is not int or not CHOICES[name].allows(value):
            raise InputError(where, f"variant {variant.name!r} has {name} = {value!r}", CHOICES[name].allowed)
