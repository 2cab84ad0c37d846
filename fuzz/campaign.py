"""One campaign from options to reports: configuration, compilation, batches, findings, report files."""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.outcome import Outcome
from fuzz.configuration import described
from fuzz.crew import Hands
from fuzz.desk import Desk, Failed, Limits, failed_rows
from fuzz.errors import HarnessError
from fuzz.files import write_json
from fuzz.findings import pick, write_findings
from fuzz.interrupts import Interrupts
from fuzz.log import LOGGER, CampaignLog
from fuzz.options import RunOptions
from fuzz.reading import gathered
from fuzz.rendering import render, time_to_render
from fuzz.resuming import Earlier
from fuzz.runner import Lines, Ran, View, run_batches
from fuzz.scopes import explored_rows
from fuzz.shrink.attempt import load
from fuzz.store import Store
from fuzz.workers import Crew
from reports.campaign import STREAMS, Campaign
from reports.json_report import contract
from reports.stopping import Watch, parse_stop
from strategies import canary
from strategies.plan import Plan as CasePlan
from strategies.plan import make_plan
from strategies.survey import kept_survey
from strategies.topologies import preset

CLEAN, VIOLATED, BAD_INPUT, BROKEN, INCONCLUSIVE = range(5)
FINDING_SECONDS, FINDING_SHARE = 30.0, 0.07  # reserved of --time for shrinking findings
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
    plan: CasePlan
    out: Path
    store: Store
    earlier: Earlier
    compile_seconds: float = 0.0


def plan_of(options: RunOptions) -> CasePlan:
    """The plan that the options ask for. InputError for what cannot go together."""
    learns = options.learning and options.shard.count == 1
    plan = make_plan(
        options.variant, options.seed, options.topology, options.faults, options.scheduler, learns, options.calibration
    )
    plan.explored = tuple(explored_rows(options.explored, options.variant.name))
    return plan


def run_campaign(
    options: RunOptions, plan: CasePlan, out: Path, say: Callable[[str], None], view: View | None = None
) -> Result:
    """Run a campaign into the folder `out`: an empty one, or that of a campaign to resume.

    say: gets lines for the person who waits. InputError if the folder's campaign is another one.
    """
    say(described(options.given) + f"# code {plan.describe()['code']}")
    store, log = open_output(out, options)
    try:
        earlier = Earlier.of(store, plan, options)
        start = time.perf_counter()
        plan.warm()
        load(preset("two-node"))
        operations = kept_survey()
        session = Campaigning(options, plan, out, store, earlier, time.perf_counter() - start)
        say(f"compiled or loaded in {session.compile_seconds:.1f} s, output in {out}")
        provenance(session, operations)
        return _run(session, log, view or Lines(say))
    finally:
        log.close()
        store.close()


def open_output(out: Path, options: RunOptions) -> tuple[Store, CampaignLog]:
    """campaign.db in the output folder, and the log there or where it was asked for."""
    if options.log_file is not None:
        try:
            options.log_file.open("a").close()
        except OSError as error:
            raise InputError("--log", f"{options.log_file}: {error.strerror}", "a file that can be written") from None
    try:
        return Store(out / "campaign.db"), CampaignLog(options.log_file or out / "campaign.log", options.log_level)
    except OSError as error:
        raise InputError("--out", f"{out}: {error.strerror}", "a folder that can be written") from None


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


def finding_seconds(budget: float) -> float:
    """How long findings may be shrunk in a campaign of so many seconds."""
    return min(FINDING_SECONDS, FINDING_SHARE * budget)


def limits_of(session: Campaigning) -> Limits:
    """When to stop; what is kept of the time for findings and report comes from a measurement made now."""
    options = session.options
    reserve, row_seconds = 0.0, 0.0
    if options.seconds is not None:
        whole, row_seconds = time_to_render(session.plan.describe(), session.plan.batch("measurement", 0))
        reserve = whole + finding_seconds(options.seconds)
    return Limits(
        options.cases, options.seconds, options.hunt, options.workers, options.shard, session.earlier.seconds,
        reserve, row_seconds,
    )  # fmt: skip


def criterion_of(options: RunOptions, plan: CasePlan) -> Watch | None:
    """What --stop asks for; None without it."""
    if options.stop is None:
        return None
    return Watch(parse_stop(options.stop), plan.weights, plan.most_nodes)


def _run(session: Campaigning, log: CampaignLog, view: View) -> Result:
    options, plan = session.options, session.plan
    criterion = criterion_of(options, plan)
    desk = Desk(plan, session.store, limits_of(session), criterion)
    with view:
        ran = run_batches(desk, lambda: crew_of(options, plan, log), view)
    return finish(session, ran, None if criterion is None else f"{criterion.criterion.text}: {criterion}")


def crew_of(options: RunOptions, plan: CasePlan, log: CampaignLog) -> Hands:
    """Who runs the batches: processes of this machine, or a cluster."""
    if options.cluster is None:
        return Crew(plan, log, options.bounds, options.start_method)
    from fuzz.cluster import Cluster

    return Cluster(plan, options.cluster)


def finish(session: Campaigning, ran: Ran, stop: str | None = None) -> Result:
    """Findings and reports of what is in the store. stop: the criterion, and the interval that it ended with."""
    options, plan, store, out = session.options, session.plan, session.store, session.out
    failed = session.earlier.failed + failed_rows(list(ran.failed), plan)
    findings, interrupted, broken = shrunk(session, ran)
    broken = broken or dead_canary(store.outcomes(ran.prefix, options.shard))
    for key, value in (
        ("findings", findings),
        ("failed", failed),
        ("ran", ran_row(session, ran, interrupted) | {"stop": stop}),
    ):
        store.set_meta(key, value)
    campaign = gathered(store, out)
    exit_status = status_of(campaign, broken, inconclusive=options.stop is not None and ran.stopped_by != "criterion")
    text = render(campaign, exit_status, out, options.reports)
    store.set_meta("exit", exit_status)
    LOGGER.info("campaign ends with status %d after %.1f s of cases", exit_status, campaign.seconds)
    return Result(exit_status, text, contract(campaign, exit_status), broken)


def ran_row(session: Campaigning, ran: Ran, interrupted: bool) -> dict[str, Any]:
    """How the campaign ended, for the report."""
    return {
        "seconds": ran.seconds,
        "compile_seconds": session.compile_seconds,
        "interrupted": ran.interrupted or interrupted,
        "stopped_by": ran.stopped_by,
        "workers": session.options.workers,
        "budget_cases": session.options.cases,
        "budget_seconds": session.options.seconds,
        "prefix": [ran.prefix.measurement, ran.prefix.hunting],
    }


def shrunk(session: Campaigning, ran: Ran) -> tuple[list[dict[str, Any]], bool, str | None]:
    """Findings of the cases so far, whether somebody cut that short, and what was found broken in doing it."""
    options, interrupts = session.options, Interrupts()
    start = time.monotonic()
    findings: list[dict[str, Any]] = []
    broken = None
    outcomes = session.store.outcomes(ran.prefix, options.shard)
    for old in (session.out / "findings").glob("[0-9][0-9][0-9]-*.json"):
        old.unlink()  # of an earlier session, which had seen less
    try:
        with interrupts.caught():
            enough = interrupts.or_after(None if options.seconds is None else finding_seconds(options.seconds))
            findings = write_findings(session.plan, pick(outcomes), session.out, options.workers, enough)
    except HarnessError as error:
        LOGGER.error("%s", error)
        broken = str(error)
    write_failed(session, list(ran.failed))
    LOGGER.info("%d findings shrunk in %.1f s", len(findings), time.monotonic() - start)
    return findings, interrupts.seen, broken


def write_failed(session: Campaigning, failed: list[Failed]) -> None:
    """A file for each batch that could not be run: what each try said, and the case that it was at."""
    rows = {(row["stream"], row["k"]): row for row in session.earlier.failed + failed_rows(failed, session.plan)}
    for (stream, k), row in sorted(rows.items()):
        head: dict[str, object] = {"schema": 1, "seed": session.options.seed, "describe": session.plan.describe()}
        write_json(session.out / "findings" / f"batch-{stream}-{k}.json", head | row)


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
