"""The options of `run` as text: what is in force, what a store may say of it, and the line that repeats a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.engine.variant import CHARGE_BYTES, Variant
from percpu_fuzz.fuzz.options import DEFAULT_SECONDS, HERE
from percpu_fuzz.fuzz.settings import DRAWN, FIELDS, PLACE, SETTINGS, STORED, RunOptions, names_code


def run_options(texts: Mapping[str, str]) -> RunOptions:
    """The frozen value of the options that are in force. InputError names the one that is refused."""
    if "cases" not in texts and "time" not in texts:
        texts = {**texts, "time": f"{DEFAULT_SECONDS:g}"}
    values = {name: setting.value(texts) for name, setting in FIELDS.items()}
    refuse_together(texts)
    if values["waste_only"]:
        refuse_beside_waste_only(texts, values["variant"])
        values["hunt"] = Fraction(0)
    given = {name: text for name, text in texts.items() if name in STORED} | {"seed": str(values["seed"])}
    return RunOptions(**values, given=given)


def refuse_together(texts: Mapping[str, str]) -> None:
    """InputError for two options, each of which can be, that cannot be together."""
    if "shard" in texts and texts.get("learning") == "on":
        allowed = "--learning off: a part does not see what others learn"
        raise InputError("--shard", f"{texts['shard']} with --learning on", allowed)
    scheduler = texts.get("scheduler", "")
    if texts.get("cluster", HERE) != HERE and names_code(scheduler):
        raise InputError("--cluster", f"with --scheduler {scheduler}", "a scheduler of the project: files are not sent")
    if "plain_engine" in texts and (texts.get("cluster", HERE) != HERE or texts.get("start_method", "fork") != "fork"):
        raise InputError("--plain-engine", "with workers that are not forked", "neither --cluster nor --start-method")
    if "force" in texts and "resume" not in texts:
        raise InputError("--force", "without --resume", "--resume DIR beside it")
    if "resume" in texts and "out" in texts:
        raise InputError("--out", repr(texts["out"]), "nothing beside --resume, which goes on in its own folder")


def refuse_beside_waste_only(texts: Mapping[str, str], variant: Variant) -> None:
    """InputError for what asks for more than wasted precharge, or for a variant that has none."""
    for name in ("hunt", "scheduler", "explored", "report"):
        if name in texts:
            allowed = f"no {SETTINGS[name].flag}: nothing is hunted and no invariant is checked"
            raise InputError("--waste-only", f"with {SETTINGS[name].flag} {texts[name]}", allowed)
    if "rate(" in texts.get("stop", ""):
        raise InputError("--waste-only", f"with --stop {texts['stop']!r}", "a criterion on waste or share")
    if variant.charge == CHARGE_BYTES:
        raise InputError("--waste-only", f"with --variant {variant.name}, which precharges nothing", "one that does")


def said_by(given: Mapping[str, str]) -> dict[str, str]:
    """What a store has a say in: what its campaign drew. How this machine runs it is not for a file to decide."""
    return {name: text for name, text in given.items() if name in SETTINGS and SETTINGS[name].kind is DRAWN}


def resumed(stored: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    """What is in force in a session that goes on: what the campaign's store holds, and over it what is said now.

    InputError for another configuration, unless --force is given, and for code that was not typed again.
    """
    typed_again(stored, texts, "--resume")
    stored = said_by(stored)
    changed = [
        f"{setting.flag} {stored.get(name, setting.default or 'not given')!r} then, {texts[name]!r} now"
        for name, setting in SETTINGS.items()
        if setting.kind is DRAWN and not setting.changeable
        if name in texts and texts[name] != stored.get(name, setting.default)
    ]
    if changed and "force" not in texts:
        raise InputError("--resume", "; ".join(changed), "the configuration of the campaign, or --force")
    if "cases" in texts or "time" in texts:  # a new budget takes the place of the whole old one
        stored = {name: text for name, text in stored.items() if name not in ("cases", "time")}
    return {**stored, **texts}


def typed_again(stored: Mapping[str, str], typed: Mapping[str, str | None], where: str) -> None:
    """InputError if a store names code or a place and nothing was typed instead; it says which option to repeat.

    Code of a user's file runs only if FILE.py:NAME was typed, and nothing is sent or written but to where was typed:
    never because a store or a configuration file says so.
    """
    for name, setting in SETTINGS.items():
        text = stored.get(name)
        if text is not None and setting.kind_of(text) is PLACE and typed.get(name) is None:
            again = f"{setting.flag} {text} typed again: {setting.why_typed}"
            raise InputError(where, f"the store names {text!r} as its {name}", again)


def whole_of(given: Mapping[str, str]) -> dict[str, str]:
    """The options of the campaign that a part is part of, out of the part's store: without part and budget."""
    said = said_by(given)
    whole = {name: text for name, text in said.items() if name != "shard" and not SETTINGS[name].changeable}
    return whole | ({"learning": "off"} if "shard" in said else {})


def run_line(given: Mapping[str, str]) -> str:
    """The line that repeats the campaign: what its results are a function of, with the seed that was drawn."""
    words = ["percpu-fuzz", "run"]
    for name, setting in SETTINGS.items():
        text = given.get(name, setting.default)
        if setting.kind is DRAWN and text is not None and (name in ("variant", "seed") or text != setting.default):
            words += [setting.flag] if setting.switch else [setting.flag, text]
    return shell_line(words)


def repeating(given: Mapping[str, str], cases: int) -> str:
    """The line that runs the same batches again: so many cases, however long they take. Without a case: as it was."""
    if not cases:
        return run_line(given)
    return run_line({name: text for name, text in given.items() if name != "time"} | {"cases": str(cases)})
