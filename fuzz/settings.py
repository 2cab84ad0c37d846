"""The options of `run`, in one table: a field of RunOptions is an option, with how its text is read and what it is for.

From the table come what click takes and says of it (commands/run.py), the keys of a TOML file (configuration.py), what
a store keeps and a resumed session takes from it, and the line that repeats a campaign (command_line.py).
"""

# ruff: noqa: RUF009 - a field is made by option(), as others are by dataclasses.field

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.fuzz import options as opt
from percpu_fuzz.fuzz.schedule import WHOLE, Shard
from percpu_fuzz.reports.ci import FORMATS
from percpu_fuzz.reports.figures.stopping import parse_stop, stop_help
from percpu_fuzz.strategies.draw.calibration import DEFAULT, Calibration, find_calibration
from percpu_fuzz.strategies.draw.weights import Weights, weights_in
from percpu_fuzz.strategies.machines.machine import Imported

MEMORY_LEAST, MEMORY_MOST = 64 << 20, 1 << 50


class Kind(Enum):
    """What an option has a say in, and so where its value may come from."""

    DRAWN = "drawn"  # what the results of a campaign are a function of, its budget too
    MACHINE = "machine"  # how it runs on this machine, and what is reported
    PLACE = "place"  # where something is sent or written, whose code runs, how one session speaks: to be typed


DRAWN, MACHINE, PLACE = Kind


@dataclass(frozen=True, slots=True)
class Setting:
    """A row. parse: of a text and the flag, which its InputError names. help: without the default, if there is one.

    default: what is in force if nothing is said, as it would be typed; where it is None, absent() makes the value.
    takes_code: whether it takes FILE.py:NAME, which is a place, beside names of the project's own, which are drawn.
    changeable: whether a resumed session may change it although it is drawn; switch: typed without a value.
    """

    flag: str
    parse: Callable[[str, str], Any]
    kind: Kind
    help: str
    default: str | None = None
    absent: Callable[[], Any] = lambda: None
    takes_code: bool = False
    changeable: bool = False
    switch: bool = False

    @property
    def name(self) -> str:
        """The key in stores and TOML files: batch_seconds of --batch-seconds."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def help_text(self) -> str:
        """For `run --help`."""
        return f"{self.help} [default: {self.default}]" if self.default and not self.switch else self.help

    def kind_of(self, text: str) -> Kind:
        """The kind of one value."""
        return PLACE if self.takes_code and names_code(text) else self.kind

    @property
    def why_typed(self) -> str:
        """Why a file has no say in what is a place."""
        return "code is run only when it is typed" if self.takes_code else "where anything goes is only typed"

    def value(self, texts: Mapping[str, str]) -> Any:
        """The value of this option among all that are in force. InputError if it cannot be."""
        text = texts.get(self.name, self.default)
        return self.absent() if text is None else self.parse(text, self.flag)


def names_code(text: str) -> bool:
    """Whether a text asks for code of a file. As broad as the readers of FILE.py:NAME, or broader."""
    return re.search(r"\.py(:|$)", text) is not None


def option(
    flag: str, parse: Callable[[str, str], Any], kind: Kind, words: str, default: str | None = None, **more: Any
) -> Any:
    """A field of RunOptions with its row."""
    return field(metadata={"setting": Setting(flag, parse, kind, words, default, **more)})


def typed(flag: str, parse: Callable[[str, str], Any], words: str) -> Any:
    """An option that only a command line may hold."""
    return option(flag, parse, PLACE, words)


def switch(flag: str, words: str) -> Any:
    """An option that only a command line may hold, without a value."""
    return option(flag, opt.switch_option, PLACE, words, "off", switch=True)


def stop_option(text: str, where: str) -> str:
    """A criterion. InputError for one that holds whatever is seen, or never can."""
    criterion = parse_stop(text)
    number = criterion.number
    if criterion.figure.startswith("rate(") and not 0 < number < 1:
        raise InputError(where, f"{text!r}: a rate against {number:g}", "a number above 0 and below 1")
    if number == 0 and criterion.op in (">=", "<"):
        holds = "holds for any data" if criterion.op == ">=" else "never holds"
        raise InputError(where, f"{text!r} {holds}", "a number above 0, or > 0, or <= 0")
    if criterion.figure.endswith(" share") and (number > 100 or (number == 100 and criterion.op in ("<=", ">"))):
        raise InputError(where, f"{text!r}: a share against {number:g} percent", "less than 100")
    return criterion.text


def formats_option(text: str, where: str = "--report") -> tuple[str, ...]:
    """More formats for reports, separated by commas."""
    return tuple(opt.choice_option(name, where, tuple(FORMATS)) for name in opt.names_in(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What `run` was asked for; at least one of cases, seconds is set, None where there is no such limit.

    given: every stored option that is in force and no default, as text: what a store keeps, a resumed session reads.
    """

    # fmt: off
    # The drawn ones, in the order of the line that repeats a campaign.
    variant: Variant = option(
        "--variant", opt.variant_option, DRAWN, "Accounting to run: a name or FILE.py[:NAME].", "v2", takes_code=True,
    )
    topology: Imported | None = option(
        "--topology", opt.campaign_machine_option, DRAWN,
        "One machine instead of the default families: a name or a file.",
    )
    families: tuple[str, ...] = option(
        "--families", opt.families_option, DRAWN,
        "Families of machines instead of the default ones, comma-separated: default, field, movable-only, or names of "
        "`topology list`.", absent=tuple,
    )
    weights: Weights = option(
        "--weights", weights_in, DRAWN,
        "What families count in all that is by weight, NAME=SHARE,... or a file of such lines; 0 leaves one out, those "
        "that are not named keep theirs (`topology list`).", absent=tuple,
    )
    cases: int | None = option(
        "--cases", partial(opt.number_option, least=1, most=opt.CASES_MAX), DRAWN,
        "Budget in cases, both streams, such as 10k or 1e6; whole batches are run, so some more. With --time the first "
        "to be reached ends the run.",
        changeable=True,
    )
    seconds: float | None = option(
        "--time", opt.seconds_option, DRAWN,
        f"Budget in seconds, or 5m, 1h30m. [default: {opt.DEFAULT_SECONDS:g} unless --cases is given]", changeable=True,
    )
    seed: int = option(
        "--seed", opt.seed_option, DRAWN, "Whole number or commit hash. [default: drawn and printed]",
        absent=lambda: int.from_bytes(os.urandom(4), "little"),
    )
    hunt: Fraction = option("--hunt", opt.share_option, DRAWN, "The hunting stream's share of the batches.", "0.5")
    scheduler: str = option(
        "--scheduler", opt.filled, DRAWN,
        "Who steps next in the hunting stream: portfolio, random, pct, pos, urw, delay, preemption, round-robin or "
        "FILE.py:NAME.", "portfolio", takes_code=True,
    )
    faults: tuple[str, ...] = option(
        "--faults", opt.faults_option, DRAWN,
        "Comma-separated: none, nested-refresh, or NAME=RATE of populate, node, create, charge, trylock, killed, "
        "no-space.", "",
    )
    calibration: Calibration | None = option(
        "--calibration", find_calibration, DRAWN,
        "What the measurement stream draws: default, recorded, one of the recorded runs, or a file of calibrate.",
        DEFAULT,
    )
    learning: bool = option(
        "--learning", opt.switch_option, DRAWN, "on: the hunting stream learns by epochs of 64 batches; off.", "on",
    )
    shard: Shard = option(
        "--shard", opt.shard_option, DRAWN,
        "I/N: part I of N of the campaign, without learning; merge joins the parts.", absent=lambda: WHOLE,
    )
    stop: str | None = option("--stop", stop_option, DRAWN, stop_help(), changeable=True)
    waste_only: bool = option(
        "--waste-only", opt.switch_option, DRAWN,
        "Sample wasted precharge alone, 2 to 5 times as many cases: no invariant is checked, nothing is hunted.",
        "off", switch=True,
    )
    explored: str | None = option(
        "--explored", opt.filled, DRAWN,
        "Folders of explore, comma-separated, whose scopes the certificate is to name.",
    )

    workers: int = option(
        "--workers", opt.workers_option, MACHINE, "Worker processes. [default: one for each usable CPU]",
        absent=opt.usable_cpus,
    )
    batch_seconds: float = option(
        "--batch-seconds", opt.seconds_option, MACHINE, "A worker that is at one batch for longer is killed.", "120",
    )
    worker_memory_bytes: int = option(
        "--worker-memory", partial(opt.size_option, least=MEMORY_LEAST, most=MEMORY_MOST), MACHINE,
        "What a worker may allocate, such as 512M.", "2G",
    )
    formats: tuple[str, ...] = option(
        "--report", formats_option, MACHINE, "More formats, comma-separated: junit, sarif, github, ktap, jsonl.",
        absent=tuple,
    )
    log_level: int = option("--log-level", opt.level_option, MACHINE, "debug, info, warning or error.", "info")
    start_method: str = option(
        "--start-method", partial(opt.choice_option, allowed=("fork", "spawn", "forkserver")), MACHINE,
        "How workers start: fork, spawn or forkserver.", "fork",
    )

    compiles: bool = option(
        "--compile", opt.switch_option, MACHINE,
        "off: steps of one's own run at once as plain Python, a hundred times slower, to the same results.", "on",
    )

    log_file: Path | None = option(
        "--log", opt.log_option, PLACE, "Log file. [default: campaign.log in the output folder]",
    )
    cluster: str | None = option(
        "--cluster", opt.cluster_option, PLACE,
        "Run batches on a dask.distributed cluster, tcp://HOST:PORT of its scheduler, or none.",
    )
    out: Path | None = typed(
        "--out", opt.path_option, "Output folder, new or empty. [default: out/<timestamp>-<variant>-<seed>]",
    )
    resume: Path | None = typed(
        "--resume", opt.path_option,
        "Go on with the campaign in this folder; --time and --cases are in total, from its start. What it drew is as "
        "it was; all else, and code that it was run with (FILE.py:NAME), is to be typed again.",
    )
    force: bool = switch("--force", "Resume although configuration or code differ.")
    config: Path | None = typed(
        "--config", opt.path_option,
        "A TOML file with tables [run] and [profile.NAME], or none. [default: ./percpu-fuzz.toml if it is there]",
    )
    profile: str | None = typed("--profile", opt.filled, "quick, nightly, weekend, or one of the file's.")
    plain_engine: bool = switch(
        "--plain-engine", "Nothing is compiled: after an edit of the engine it runs at once, a hundred times slower."
    )
    plain: bool = switch("--plain", "Plain lines instead of a live screen.")
    full: bool = switch("--full", "Print the whole report on a terminal too; redirected, it is always printed.")
    quiet: bool = switch("--quiet", "No sign of progress; the end is printed all the same.")
    verbose: bool = switch("--verbose", "What goes to the log is said on standard error too.")
    as_json: bool = switch("--json", "One JSON object as the last line of standard output.")
    # fmt: on

    given: Mapping[str, str]


FIELDS: dict[str, Setting] = {f.name: f.metadata["setting"] for f in fields(RunOptions) if f.metadata}
SETTINGS: dict[str, Setting] = {setting.name: setting for setting in FIELDS.values()}
STORED = tuple(name for name, setting in SETTINGS.items() if setting.kind is not PLACE)  # what files may hold
