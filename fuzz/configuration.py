"""percpu-fuzz.toml: options of `run` in a file, and profiles; what is typed, or stands in a variable, overrides both.

    [run]                  # for every run that names this file
    workers = 4
    [profile.nightly]      # for --profile nightly; over [run], over a built-in profile of that name
    time = 28800

Keys are the options' names without dashes before them (batch-seconds or batch_seconds). Profiles quick, nightly and
weekend are there without a file. A file cannot name code, a cluster, a log or an output folder: those are typed.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.fuzz.settings import PLACE, SETTINGS, STORED
from percpu_fuzz.strategies.reading import read_text

NUMBERS_END = 10**48  # as many digits as a seed has
HERE_NAME, PREFIX = "percpu-fuzz.toml", "PERCPU_FUZZ_"
VARIABLES = {
    "PERCPU_FUZZ_CACHE": "folder of compiled machine code; default: .cache of a checkout, else the user's cache folder",
    "PERCPU_FUZZ_QUIET": "not empty: no command shows signs of progress",
    "PERCPU_FUZZ_OPTION": "an option of run, such as PERCPU_FUZZ_WORKERS=2: over a file's, below what is typed",
}
PROFILES: dict[str, dict[str, str]] = {
    "quick": {"time": "20"},
    "nightly": {"time": "28800", "report": "junit,jsonl"},
    "weekend": {"time": "216000", "hunt": "0.7", "report": "junit,jsonl"},
}


def effective(typed: Mapping[str, str], config: Path | None, profile: str | None) -> dict[str, str]:
    """Options as text: those typed, over the profile's, over [run] of the file.

    InputError names file, table and key of what is refused, with the nearest name that is allowed.
    """
    content = {} if config is None else tables_of(config)
    where = "percpu-fuzz.toml" if config is None else str(config)
    base = options_of(content.get("run", {}), f"{where}, [run]")
    profiles = content.get("profile", {})
    if not isinstance(profiles, dict):
        raise InputError(f"{where}, profile", repr(profiles), "tables [profile.NAME]")
    own = {name: options_of(rows, f"{where}, [profile.{name}]") for name, rows in profiles.items()}
    chosen: dict[str, str] = {}
    if profile is not None:
        if profile not in {**PROFILES, **own}:
            raise InputError("--profile", repr(profile), ", ".join(sorted({**PROFILES, **own})))
        chosen = {**PROFILES.get(profile, {}), **own.get(profile, {})}
    return {**base, **chosen, **typed}


def found_file(folder: Path) -> Path | None:
    """percpu-fuzz.toml of a folder, if it is there."""
    path = folder / HERE_NAME
    return path if path.is_file() else None


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Options of variables such as PERCPU_FUZZ_WORKERS, as text. InputError for code, which has to be typed."""
    found = {name: environment[PREFIX + name.upper()] for name in STORED if environment.get(PREFIX + name.upper())}
    for name, text in found.items():
        if SETTINGS[name].kind_of(text) is PLACE:
            raise InputError(PREFIX + name.upper(), repr(text), f"a name; {SETTINGS[name].why_typed}: --{name}")
    return found


def tables_of(path: Path) -> dict[str, Any]:
    """The file's tables. InputError for what cannot be read, is no TOML, or holds another table."""
    try:
        content = tomllib.loads(read_text(path))
    except (ValueError, RecursionError) as error:  # a number may have more digits than int() takes
        if isinstance(error, InputError):
            raise
        raise InputError(str(path), str(error), "TOML") from None
    for name in content:
        if name not in ("run", "profile"):
            raise InputError(str(path), f"table or key {name!r}", "[run] and [profile.NAME]")
    return content


def options_of(rows: Any, where: str) -> dict[str, str]:
    """A table's options as text. Values may be text, numbers or lists of text."""
    if not isinstance(rows, dict):
        raise InputError(where, repr(rows), "a table")
    found: dict[str, str] = {}
    for key, value in rows.items():
        name = key.replace("-", "_")
        if name in SETTINGS and name not in STORED:
            raise InputError(where, f"key {key!r}", f"{SETTINGS[name].flag} typed: {SETTINGS[name].why_typed}")
        if name not in STORED:
            near = difflib.get_close_matches(name, STORED, 1)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise InputError(where, f"key {key!r}", ", ".join(STORED) + hint)
        if name in found:
            raise InputError(where, f"key {key!r} and the same with '-' or '_'", "each option once")
        found[name] = as_text(value, f"{where}, {key}")
        if SETTINGS[name].kind_of(found[name]) is PLACE:
            typed = f"a name; {SETTINGS[name].why_typed}: --{name} {found[name]}"
            raise InputError(f"{where}, {key}", repr(found[name]), typed)
    return found


def as_text(value: Any, where: str) -> str:
    """A value as it would be typed."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int) and abs(value) >= NUMBERS_END:
        raise InputError(where, f"a number of {value.bit_length()} bits", f"numbers below {NUMBERS_END}")
    if isinstance(value, int | float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")  # as written: 1e-7 is 0.0000001
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    if not isinstance(value, str):
        raise InputError(where, repr(value), "text, a number, or a list of text")
    return value


def described(options: Mapping[str, str]) -> str:
    """Options as the text of a TOML file that repeats them."""
    lines = [f'{name} = "{escaped(text)}"' for name, text in sorted(options.items())]
    return "\n".join(["[run]", *lines]) + "\n"


def escaped(text: str) -> str:
    """Text within double quotes of TOML."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 1 << 16 else f"\\U{ord(c):08x}" for c in text
    )
