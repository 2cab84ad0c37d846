"""Code of a user's file runs only if FILE.py:NAME was typed: never because a store or a configuration file names it."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.engine.errors import InputError

OPTIONS = ("variant", "scheduler")  # those that take FILE.py:NAME


def names_code(text: str) -> bool:
    """Whether an option's text asks for code of a file. As broad as the readers of the options, or broader."""
    return ".py:" in text


def typed_again(stored: Mapping[str, str], typed: Mapping[str, str | None], where: str) -> None:
    """InputError if a store names code in place of which nothing was typed; it says which option to repeat."""
    for name in OPTIONS:
        text = stored.get(name, "")
        if names_code(text) and typed.get(name) is None:
            again = f"--{name} {text} typed again: code is run only when it is typed"
            raise InputError(where, f"the store names {text!r} as its {name}", again)
