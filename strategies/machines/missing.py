"""Missing: what a file cannot say, and the one message that asks for all of it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.shown import shell_line


@dataclass(frozen=True, slots=True)
class Missing:
    """what: in words; option: as the help has it; example: what could be typed on this machine."""

    what: str
    option: str
    example: str


def ask(where: str, missing: Sequence[Missing], given: Mapping[str, str]) -> InputError:
    """The refusal of a file that lacks something: it names every option that is needed, with a line to type.

    given: the options that were typed, which the line repeats.
    """
    words = [one.what for one in missing]
    what = ", ".join(words[:-1]) + (" and " if words[:-1] else "") + words[-1]
    options = ", ".join(dict.fromkeys(one.option for one in missing))
    typed = {f"--{name.replace('_', '-')}": shell_line([text]) for name, text in given.items()}
    for one in missing:
        name, _, text = one.example.partition(" ")
        typed[name] = f"{typed[name]},{text}" if name in typed else text  # lists by node or CPU, whose rest is missing
    examples = " ".join(f"{name} {text}" for name, text in typed.items())
    line = f"percpu-fuzz topology import {shell_line([where])} {examples} -o machine.json"
    return InputError(where, f"does not say {what}", f"say it with {options}; for example: {line}")
