"""One session of a campaign: options, plan and open store; what is compiled, and what is kept of where it came from."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import sqlite3
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import CHARGE_BYTES, VARIANTS, Variant
from percpu_fuzz.fuzz.campaign.here import sampled_here
from percpu_fuzz.fuzz.campaign.log import LOGGER, CampaignLog
from percpu_fuzz.fuzz.campaign.own_engine import own_engine_announced
from percpu_fuzz.fuzz.command_line import run_line
from percpu_fuzz.fuzz.findings.provenance import package_version
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.output.folder import Lock
from percpu_fuzz.fuzz.progress import Sign, working
from percpu_fuzz.fuzz.settings import RunOptions, names_code
from percpu_fuzz.fuzz.shrink.attempt import MACHINES, load
from percpu_fuzz.fuzz.store.explored import explored_rows
from percpu_fuzz.fuzz.store.resuming import EarlierSessions
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.fuzz.variant_files import file_in, uncompiled
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.plan.sampled import kept_unreached
from percpu_fuzz.strategies.run.kept import Rows
from percpu_fuzz.strategies.run.stranding import kept_stranding
from percpu_fuzz.strategies.run.survey import kept_survey

LOADING = "loading the engine"
SAMPLED_SECONDS, SAMPLED_CASES = 60.0, 1_000_000  # the shortest campaign for which a sample tells what is reached
PACKAGES = ("numba", "numpy", "scipy", "hypothesis", "multiprocessing-logging", "percpu-fuzz")


@dataclass(slots=True)
class Session:
    """What a session needs from start to end."""

    options: RunOptions
    batches: Batches
    out: Path
    store: Store
    earlier: EarlierSessions
    interrupts: Interrupts = field(default_factory=Interrupts)
    compile_seconds: float = 0.0

    @property
    def plan(self) -> Plan:
        """What says of every batch what it draws."""
        return self.batches.plan

    def compile(self, say: Callable[[str], None]) -> dict[str, Any]:
        """Compile or load everything that runs, before any process is forked; what is counted once for the code, and
        what the machine at hand wastes.
        """
        start = time.perf_counter()
        surveys: dict[str, Any] = {"operations": [], "stranding": []}  # where it is left before they are counted
        with self.interrupts.left_at_once(), working(f"{LOADING}: the campaign") as sign:
            with own_engine_announced(self.plan, say):
                self.batches.warm()
                if not self.plan.waste_only:
                    self.load_shrinker(sign)
            if not self.plan.waste_only:
                sign.words = "counting calls into memcg, once for this code"
                surveys |= {"operations": kept_survey(), "stranding": stranding_of(self.plan.variant)}
                if worth_a_sample(self.options):
                    sign.words = "sampling what of the modelled kernel is reached, once for this code"
                    surveys["unreached"] = kept_unreached(self.plan)
                if "here" not in self.store.named():  # of the machine that it began on
                    sign.words = "sampling what this machine wastes"
                    if found := sampled_here(self.plan):
                        surveys["here"] = found
        self.compile_seconds = time.perf_counter() - start
        return surveys

    def load_shrinker(self, sign: Sign) -> None:
        """Compile or load what shrinks findings on machines of each class."""
        classes = list(dict.fromkeys(family.size_class for family in self.plan.families))
        for place, size_class in enumerate(classes, 1):
            sign.words = f"{LOADING}: the shrinker, {place} of {len(classes)} ({size_class})"
            load(preset(MACHINES[size_class]))
            load(preset(MACHINES[size_class]), self.plan.variant)

    def keep_provenance(self, surveys: dict[str, Any]) -> None:
        """Keep in the store what the results depend on, and how they came about."""
        shard, store = self.options.shard, self.store
        kept: dict[str, Any] = {
            "describe": self.plan.describe(), "given": dict(self.options.given),
            "command": run_line(self.options.given), "shard": [shard.index, shard.count],
            "versions": versions(), "compile_seconds": self.compile_seconds, "own_files": own_files(self.options),
        } | surveys  # fmt: skip
        kept |= {} if "began" in store.named() else {"began": time.strftime("%Y-%m-%d")}
        with store.together():
            for key, value in kept.items():
                store.set_meta(key, value)
            store.forget("exit")
            store.forget("ran")  # until this session has ended, the store's own rows say how far the campaign is
            if self.earlier.forced:
                store.note(time.time(), f"resumed by force: {self.earlier.forced}")
        LOGGER.info("campaign begins: %s", json.dumps(self.plan.describe()))


def stranding_of(variant: Variant) -> Rows:
    """How many of a row of allocations succeed, on the kernel before the series and on a variant that precharges."""
    if variant.charge == CHARGE_BYTES:
        return []
    return [*kept_stranding(VARIANTS["base"]), *kept_stranding(variant)]


def worth_a_sample(options: RunOptions) -> bool:
    """Whether a campaign is so long that a few seconds for what it reaches are no matter: by default it is."""
    return (options.seconds or 0.0) >= SAMPLED_SECONDS or (options.cases or 0) >= SAMPLED_CASES


def plan_of(options: RunOptions) -> Plan:
    """The plan that the options ask for. InputError for what cannot go together."""
    learns, machine = options.learning and options.shard.count == 1, options.topology
    variant = options.variant if options.compiles else uncompiled(options.variant)
    try:
        made = make_plan(
            variant, options.seed, machine.topology if machine else None, options.faults,
            options.scheduler, learns, options.calibration, options.families, machine.notes if machine else (),
            options.weights, options.waste_only,
        )  # fmt: skip
    except (KeyboardInterrupt, GeneratorExit) as error:  # raised by a user's file; a real Ctrl-C goes to a handler
        if not names_code(options.scheduler):
            raise
        raised = f"{options.scheduler} raises {type(error).__name__}: {error}"
        raise InputError("--scheduler", raised, "a file that runs") from None
    return replace(made, explored=tuple(explored_rows(options.explored, options.variant.name)))


def open_output(out: Path, options: RunOptions, lock: Lock | None = None) -> tuple[Store, CampaignLog]:
    """campaign.db in the output folder, and the log there or where it was asked for."""
    try:
        store = Store(out / "campaign.db", lock)
        log = CampaignLog(options.log_file or out / "campaign.log", options.log_level)
    except (OSError, sqlite3.OperationalError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise InputError("--out", f"{out}: {what}", "a folder that can be written") from None
    if options.verbose:
        LOGGER.addHandler(logging.StreamHandler(sys.stderr))
    return store, log


def own_files(options: RunOptions) -> dict[str, str]:
    """SHA-256 of each file of the user's whose code runs, by what was typed."""
    typed = [text for text in (options.variant.name, options.scheduler) if names_code(text)]
    return {text: hashlib.sha256(file_in(text).read_bytes()).hexdigest() for text in typed}


def versions() -> dict[str, str]:
    """Of the interpreter, of what computes, and of this project."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    return found | {name: package_version(name) for name in PACKAGES}
