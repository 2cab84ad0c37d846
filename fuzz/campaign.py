"""One campaign from options to reports: configuration, compilation, batches, findings, report files."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.outcome import Outcome
from fuzz.errors import HarnessError
from fuzz.files import write_json, write_whole
from fuzz.findings import pick, write_findings
from fuzz.interrupts import Interrupts
from fuzz.log import LOGGER, CampaignLog
from fuzz.options import RunOptions
from fuzz.plan import Plan
from fuzz.runner import FINDING_SECONDS, Limits, run_batches
from fuzz.shrink.attempt import load
from fuzz.store import Store
from reports.campaign import STREAMS, Campaign, gather
from reports.html import report_html
from reports.json_report import contract, report_json
from reports.markdown import report_markdown
from reports.text import report_text
from strategies import canary
from strategies.plan import make_plan
from strategies.survey import kept_survey
from strategies.topologies import preset

CLEAN, VIOLATED, BAD_INPUT, BROKEN, INCONCLUSIVE = range(5)


@dataclass(frozen=True, slots=True)
class Result:
    """What a campaign ended with: exit status, the report as text, the contract's object, what broke."""

    exit_status: int
    text: str
    contract: dict[str, Any]
    broken: str | None = None


def plan_of(options: RunOptions) -> Plan:
    """The plan that the options ask for. InputError for what cannot go together."""
    return make_plan(options.variant, options.seed, options.topology, options.faults, options.scheduler)


def run_campaign(options: RunOptions, plan: Plan, out: Path, say: Callable[[str], None]) -> Result:
    """Run a campaign into the empty folder `out`. `say` gets lines for the person who waits."""
    describe = plan.describe()
    say("configuration: " + json.dumps(describe | {"workers": options.workers, "hunt": float(options.hunt)}))
    start = time.perf_counter()
    plan.warm()
    load(preset("two-node"))
    operations = kept_survey()
    compile_seconds = time.perf_counter() - start
    say(f"compiled or loaded in {compile_seconds:.1f} s, output in {out}")
    store, log = open_output(out)
    try:
        return _run(options, plan, operations, compile_seconds, out, store, log, say)
    finally:
        log.close()
        store.close()


def open_output(out: Path) -> tuple[Store, CampaignLog]:
    """campaign.db and campaign.log in the output folder."""
    try:
        return Store(out / "campaign.db"), CampaignLog(out / "campaign.log")
    except OSError as error:
        raise InputError("--out", f"{out}: {error.strerror}", "a folder that can be written") from None


def _run(
    options: RunOptions,
    plan: Plan,
    operations: list[dict[str, Any]],
    compile_seconds: float,
    out: Path,
    store: Store,
    log: CampaignLog,
    say: Callable[[str], None],
) -> Result:
    store.set_meta("describe", plan.describe())
    store.set_meta("command", options.command)
    store.set_meta("operations", operations)
    LOGGER.info("campaign begins: %s", json.dumps(plan.describe()))
    limits = Limits(options.cases, options.seconds, options.hunt, options.workers)
    ran = run_batches(plan, limits, store, log, options.seed, say)
    broken = None if ran.failure is None else str(ran.failure)
    findings: list[dict[str, Any]] = []
    interrupts = Interrupts()
    start = time.monotonic()
    try:
        with interrupts.caught():
            enough = interrupts.or_after(None if options.seconds is None else FINDING_SECONDS)
            findings = write_findings(plan, pick(store.outcomes(ran.prefix)), out, options.workers, enough)
    except HarnessError as error:
        LOGGER.error("%s", error)
        broken = broken or str(error)
    LOGGER.info("%d findings shrunk in %.1f s", len(findings), time.monotonic() - start)
    broken = broken or dead_canary(store.outcomes(ran.prefix))
    store.set_meta("findings", findings)
    campaign = gather(
        store.outcomes(ran.prefix),
        describe=plan.describe(),
        digest=store.digest(ran.prefix),
        seconds=ran.seconds,
        compile_seconds=compile_seconds,
        interrupted=ran.interrupted or interrupts.seen,
        stopped_by=ran.stopped_by,
        workers=options.workers,
        out=str(out),
        command=options.command,
        findings=findings,
        operations=operations,
        budget_cases=options.cases,
        budget_seconds=options.seconds,
    )
    exit_status = status_of(campaign, broken)
    text = report_text(campaign)
    write_whole(out / "report.txt", text.encode("ascii"))
    write_whole(out / "report.md", report_markdown(campaign).encode("ascii"))
    write_whole(out / "report.html", report_html(campaign).encode("ascii"))
    write_json(out / "report.json", report_json(campaign, exit_status))
    store.set_meta("exit", exit_status)
    LOGGER.info("campaign ends with status %d after %.1f s of cases", exit_status, campaign.seconds)
    return Result(exit_status, text, contract(campaign, exit_status), broken)


def dead_canary(outcomes: Iterable[Outcome]) -> str | None:
    """What is wrong if a planted mistake was not found; None if all were, or if no batch came back."""
    planted, found = 0, 0
    for outcome in outcomes:
        planted += outcome.counts.get(canary.RUN, 0)
        found += outcome.counts.get(canary.FOUND, 0)
    return None if found == planted else f"{planted - found} of {planted} planted mistakes were not found"


def status_of(campaign: Campaign, broken: str | None) -> int:
    """The exit status of the contract: broken before violated before clean; of no case at all nothing is known."""
    if broken is not None:
        return BROKEN
    if not any(campaign.cases(stream) for stream in STREAMS):
        return INCONCLUSIVE
    violated = any(campaign.signatures[stream] for stream in STREAMS)
    return VIOLATED if violated else CLEAN


def say_on_stderr(line: str) -> None:
    """A plain line for the person who waits; standard output is for the report."""
    print(line, file=sys.stderr, flush=True)
