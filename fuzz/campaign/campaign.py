"""One campaign from options to reports: configuration, compilation, batches, findings, report files."""

from __future__ import annotations

import json
import math
import platform
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.outcome import STREAMS, Outcome
from percpu_fuzz.fuzz.campaign.dispatcher import Desk, Limits
from percpu_fuzz.fuzz.campaign.hands import Hands
from percpu_fuzz.fuzz.campaign.helpers import CUT_SECONDS
from percpu_fuzz.fuzz.campaign.log import LOGGER, CampaignLog
from percpu_fuzz.fuzz.campaign.loop import Lines, Ran, View, ended, run_batches
from percpu_fuzz.fuzz.campaign.rendering import rendered, write_files
from percpu_fuzz.fuzz.campaign.reserve import LEAST_SECONDS, measured
from percpu_fuzz.fuzz.campaign.workers import Crew
from percpu_fuzz.fuzz.command_line import repeating
from percpu_fuzz.fuzz.configuration import described
from percpu_fuzz.fuzz.errors import HarnessError
from percpu_fuzz.fuzz.files import is_full, write_json
from percpu_fuzz.fuzz.findings.pick import Written, pick, write_findings
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.no_blas import without_blas
from percpu_fuzz.fuzz.options import RunOptions
from percpu_fuzz.fuzz.schedule import batches_covering
from percpu_fuzz.fuzz.shrink.attempt import MACHINES, load
from percpu_fuzz.fuzz.store.explored import explored_rows
from percpu_fuzz.fuzz.store.reading import gathered
from percpu_fuzz.fuzz.store.resuming import Earlier
from percpu_fuzz.fuzz.store.store import Store
from percpu_fuzz.fuzz.typed_code import names_code
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.stopping import Watch, parse_stop
from percpu_fuzz.reports.numbers import percent
from percpu_fuzz.reports.report_json import contract
from percpu_fuzz.strategies.draw.calibration import refused_shares
from percpu_fuzz.strategies.draw.topologies import preset
from percpu_fuzz.strategies.plan import canary
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan as CasePlan
from percpu_fuzz.strategies.plan.recipe import make_plan
from percpu_fuzz.strategies.run.survey import kept_survey

CLEAN, VIOLATED, BAD_INPUT, BROKEN, INCONCLUSIVE = range(5)
INTERRUPTED_FINDING_SECONDS = 1.0
PACKAGES = ("numba", "numpy", "scipy", "hypothesis", "multiprocessing-logging")


@dataclass(frozen=True, slots=True)
class Result:
    """What a campaign ended with: exit status, the report as text, the contract's object, what broke."""

    exit_status: int
    text: str
    contract: dict[str, Any]
    broken: str | None = None


@dataclass(slots=True)
class Campaigning:
    """One session of a campaign: what it needs from start to end."""

    options: RunOptions
    batches: Batches
    out: Path
    store: Store
    earlier: Earlier
    compile_seconds: float = 0.0
    interrupts: Interrupts = field(default_factory=Interrupts)
    shrink_until: float | None = None  # by time.monotonic(): when findings must be there for reports to be in time

    @property
    def plan(self) -> CasePlan:
        """What the batches are those of."""
        return self.batches.plan


def plan_of(options: RunOptions) -> CasePlan:
    """The plan that the options ask for. InputError for what cannot go together."""
    learns = options.learning and options.shard.count == 1
    try:
        made = make_plan(
            options.variant, options.seed, options.topology, options.faults, options.scheduler, learns,
            options.calibration,
        )  # fmt: skip
    except (KeyboardInterrupt, GeneratorExit) as error:  # raised by a user's file; a real Ctrl-C goes to a handler
        if not names_code(options.scheduler):
            raise
        raised = f"{options.scheduler} raises {type(error).__name__}: {error}"
        raise InputError("--scheduler", raised, "a file that runs") from None
    return replace(made, explored=tuple(explored_rows(options.explored, options.variant.name)))


def run_campaign(
    options: RunOptions, plan: CasePlan, out: Path, say: Callable[[str], None], view: View | None = None,
    interrupts: Interrupts | None = None,
) -> Result:  # fmt: skip
    """Run a campaign into the folder `out`: an empty one, or that of a campaign to resume.

    say: gets lines for the person who waits. interrupts: those that are caught() so far. InputError if the folder's
    campaign is another one.
    """
    interrupts = interrupts or Interrupts()
    store, log = open_output(out, options)
    try:
        session = Campaigning(
            options, Batches(plan), out, store, Earlier.of(store, plan, options), interrupts=interrupts
        )
        say(described(options.given) + f"# code {plan.describe()['code']}")
        operations = compiled(session)
        for line in refused_lines(plan):
            say(line)
        say(f"compiled or loaded in {session.compile_seconds:.1f} s, output in {out}")
        provenance(session, operations)
        return _run(session, log, view or Lines(say))
    finally:
        log.close()
        store.close()


def compiled(session: Campaigning) -> list[dict[str, Any]]:
    """Compile or load everything that runs, before any process is forked; the survey of operations."""
    start, operations = time.perf_counter(), []
    with session.interrupts.left_at_once():
        without_blas()
        session.batches.warm()
        for size_class in dict.fromkeys(family.size_class for family in session.plan.families):
            load(preset(MACHINES[size_class]))
        operations = kept_survey()
    session.compile_seconds = time.perf_counter() - start
    return operations


def refused_lines(plan: CasePlan) -> list[str]:
    """What of a calibration the allocator refuses, by table, on the machines with the smallest pages."""
    if plan.calibration is None:
        return []
    machine = min((m for family in plan.families for m in family.topologies), key=lambda m: m.page_size)
    shares = refused_shares(plan.calibration, machine.page_size, machine.min_unit_size_bytes)
    words = {
        "size": f"sizes (above {machine.min_unit_size_bytes} bytes)",
        "align": f"alignments (above {machine.page_size} bytes)",
    }
    return [
        f"calibration {plan.calibration.name}: {percent(share)} of its {words[name]} are refused on machines with"
        f" pages of {machine.page_size} bytes"
        for name, share in shares.items()
    ]


def open_output(out: Path, options: RunOptions) -> tuple[Store, CampaignLog]:
    """campaign.db in the output folder, and the log there or where it was asked for."""
    try:
        return Store(out / "campaign.db"), CampaignLog(options.log_file or out / "campaign.log", options.log_level)
    except (OSError, sqlite3.OperationalError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise InputError("--out", f"{out}: {what}", "a folder that can be written") from None


def provenance(session: Campaigning, operations: list[dict[str, Any]]) -> None:
    """Keep what the results depend on, and how they came about."""
    store, options = session.store, session.options
    store.set_meta("describe", session.plan.describe())
    store.set_meta("given", dict(options.given))
    store.set_meta("command", options.command)
    store.set_meta("operations", operations)
    store.set_meta("shard", [options.shard.index, options.shard.count])
    store.set_meta("versions", versions())
    store.set_meta("compile_seconds", session.compile_seconds)
    store.forget("exit")
    store.forget("ran")  # until this session has ended, the store's own rows say how far the campaign is
    if session.earlier.forced:
        store.note(time.time(), f"resumed by force: {session.earlier.forced}")
    LOGGER.info("campaign begins: %s", json.dumps(session.plan.describe()))


def versions() -> dict[str, str]:
    """Of the interpreter, of what computes, and of this project."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in (*PACKAGES, "percpu-fuzz"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def limits_of(session: Campaigning) -> Limits:
    """When to stop; what is kept of the time for findings and report comes from a measurement made now."""
    options = session.options
    limits = Limits(
        options.cases, options.seconds, options.hunt, options.workers, options.shard, session.earlier.seconds
    )
    if options.seconds is None or session.interrupts.seen:
        return limits
    reserve = measured(session.batches, options.seconds)
    LOGGER.info("kept of the time: %s", reserve)
    return replace(limits, reserve=reserve)


def shrink_until(desk: Desk) -> float | None:
    """By time.monotonic(): when findings must be done for the reports to be in time; a moment from now at least."""
    if desk.ends_at is None:
        return None
    reports = desk.limits.reserve.reports(desk.rows)
    return max(desk.ends_at - reports - CUT_SECONDS, time.monotonic() + LEAST_SECONDS)


def criterion_of(options: RunOptions, plan: CasePlan) -> Watch | None:
    """What --stop asks for; None without it."""
    if options.stop is None:
        return None
    return Watch(parse_stop(options.stop), plan.weights, plan.most_nodes)


def _run(session: Campaigning, log: CampaignLog, view: View) -> Result:
    options = session.options
    criterion = criterion_of(options, session.plan)
    desk = Desk(session.batches, session.store, limits_of(session), criterion)
    broken = None
    try:
        with view:
            ran = run_batches(desk, lambda: crew_of(options, session.batches, log), view, session.interrupts)
    except (OSError, sqlite3.Error) as error:
        if not is_full(error):
            raise
        ran, broken = ended(desk, "disk"), f"{session.store.path}: {error}"
    session.shrink_until = shrink_until(desk)
    return finish(session, ran, None if criterion is None else f"{criterion.criterion.text}: {criterion}", broken)


def crew_of(options: RunOptions, batches: Batches, log: CampaignLog) -> Hands:
    """Who runs the batches: processes of this machine, or a cluster."""
    if options.cluster is None:
        return Crew(batches, log, options.bounds, options.start_method)
    from percpu_fuzz.fuzz.campaign.cluster import Cluster

    return Cluster(batches, options.cluster)


def finish(session: Campaigning, ran: Ran, stop: str | None = None, broken: str | None = None) -> Result:
    """Findings and reports of what is in the store. stop: the criterion, and the interval that it ended with.

    broken: why nothing can be written any more; what cannot be written is reported from memory all the same.
    """
    options, store = session.options, session.store
    written, problem = (Written([], 0, 0), None) if broken else shrunk(session, ran)
    problem = broken or problem or dead_canary(store.outcomes(ran.prefix, options.shard))
    named: dict[str, Any] = {
        "findings": written.rows,
        "ran": ran_row(session, ran) | {"stop": stop, "shrunk": [written.shrunk, written.picked]},
    }
    if ran.stopped_by != "merge":  # a merged campaign that goes on has the time that is asked for
        named["elapsed"] = ran.seconds
        named["command"] = repeating(options.given, cases_of(session, ran))
    campaign = gathered(store, session.out, named)
    inconclusive = options.stop is not None and ran.stopped_by != "criterion"
    exit_status = status_of(campaign, problem, inconclusive)
    files = rendered(campaign, exit_status, options.reports)
    problem = kept(session, named, files, exit_status) or problem
    exit_status = status_of(campaign, problem, inconclusive)
    LOGGER.info("campaign ends with status %d after %.1f s of cases", exit_status, campaign.seconds)
    return Result(exit_status, files["report.txt"].decode(), contract(campaign, exit_status), problem)


def kept(session: Campaigning, named: Mapping[str, Any], files: Mapping[str, bytes], exit_status: int) -> str | None:
    """Store how it ended, write the reports; what went wrong if there is no room for them."""
    try:
        for key, value in named.items():
            session.store.set_meta(key, value)
        write_files(files, session.out)
        session.store.set_meta("exit", exit_status)
    except (OSError, sqlite3.Error) as error:
        if not is_full(error):
            raise
        return f"{session.out}: {error}; the report is not kept there"
    return None


def cases_of(session: Campaigning, ran: Ran) -> int:
    """How many cases have to be asked for to get these batches."""
    plan, options = session.plan, session.options
    prefix = batches_covering(ran.prefix, options.hunt)
    return sum(
        plan.cases_per_batch(stream, options.shard.number(place))
        for stream in STREAMS
        for place in range(prefix.of(stream))
    )


def ran_row(session: Campaigning, ran: Ran) -> dict[str, Any]:
    """How the campaign ended, for the report."""
    return {
        "seconds": ran.seconds,
        "compile_seconds": session.compile_seconds,
        "interrupted": ran.interrupted or session.interrupts.seen,
        "stopped_by": ran.stopped_by,
        "workers": session.options.workers,
        "budget_cases": session.options.cases,
        "budget_seconds": session.options.seconds,
        "prefix": [ran.prefix.measurement, ran.prefix.hunting],
    }


def shrunk(session: Campaigning, ran: Ran) -> tuple[Written, str | None]:
    """Findings of the cases so far, and what was found broken in making them."""
    start = time.monotonic()
    picked = pick(session.store.outcomes(ran.prefix, session.options.shard))
    until = session.shrink_until
    if session.interrupts.seen:
        until = min(until or math.inf, start + INTERRUPTED_FINDING_SECONDS)
    written, broken = Written([], 0, len(picked)), None
    try:
        for old in (session.out / "findings").glob("[0-9][0-9][0-9]-*.json"):
            old.unlink()  # of an earlier session, which had seen less
        enough = session.interrupts.or_at(until)
        written = write_findings(session.batches, picked, session.out, session.options.workers, enough)
        write_failed(session)
    except HarnessError as error:
        LOGGER.error("%s", error)
        broken = str(error)
    except OSError as error:
        if not is_full(error):
            raise
        broken = f"{session.out}: {error}"
    LOGGER.info("%d of %d cases shrunk in %.1f s", written.shrunk, written.picked, time.monotonic() - start)
    return written, broken


def write_failed(session: Campaigning) -> None:
    """A file for each batch that could not be run: what each try said, and the case that it was at."""
    head: dict[str, object] = {"schema": 1, "seed": session.options.seed, "describe": session.plan.describe()}
    for row in session.store.failed():
        write_json(session.out / "findings" / f"batch-{row['stream']}-{row['k']}.json", head | row)


def dead_canary(outcomes: Iterable[Outcome]) -> str | None:
    """What is wrong if a planted mistake was not found; None if all were, or if no batch came back."""
    planted, found = 0, 0
    for outcome in outcomes:
        planted += outcome.counts.get(canary.RUN, 0)
        found += outcome.counts.get(canary.FOUND, 0)
    return None if found == planted else f"{planted - found} of {planted} planted mistakes were not found"


def status_of(campaign: Campaign, broken: str | None, inconclusive: bool = False) -> int:
    """The exit status of the contract: broken before found before inconclusive before clean."""
    if broken is not None:
        return BROKEN
    if campaign.failed or any(campaign.signatures[stream] for stream in STREAMS):
        return VIOLATED
    if inconclusive or not any(campaign.cases(stream) for stream in STREAMS):
        return INCONCLUSIVE
    return CLEAN


def say_on_stderr(line: str) -> None:
    """A plain line for the person who waits; standard output is for the report."""
    print(line, file=sys.stderr, flush=True)
