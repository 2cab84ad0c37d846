"""The end of a session: findings of what is in the store, the report files, what is kept of them, the exit status."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from percpu_fuzz.engine.outcome import STREAMS, Outcome
from percpu_fuzz.fuzz.campaign.log import LOGGER
from percpu_fuzz.fuzz.campaign.loop import Ran
from percpu_fuzz.fuzz.campaign.rendering import rendered, write_files
from percpu_fuzz.fuzz.campaign.session import Session
from percpu_fuzz.fuzz.command_line import repeating
from percpu_fuzz.fuzz.errors import BROKEN, CLEAN, INCONCLUSIVE, VIOLATED, HarnessError
from percpu_fuzz.fuzz.files import is_full, write_json
from percpu_fuzz.fuzz.findings.pick import WrittenFindings, pick, write_findings
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.fuzz.schedule import batches_covering, batches_of_whole
from percpu_fuzz.fuzz.store.reading import campaign_of
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.report_json import contract
from percpu_fuzz.reports.sections.brief.summary import summary_text
from percpu_fuzz.strategies.plan import canary

INTERRUPTED_FINDING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Result:
    """What a campaign ended with: exit status, report and its summary as text, the contract's object, what broke."""

    exit_status: int
    text: str
    summary: str
    contract: dict[str, Any]
    broken: str | None = None


def finish(
    session: Session, ran: Ran, stop: str | None = None, broken: str | None = None, until: float | None = None
) -> Result:
    """Findings and reports of what is in the store. stop: the criterion, and the interval that it ended with.

    broken: why nothing can be written any more; what cannot be written is reported from memory all the same. until: by
    time.monotonic(), when findings must be there for the reports to be in time.
    """
    options, store = session.options, session.store
    written, problem = (WrittenFindings([], 0, 0), None) if broken else findings_of(session, ran, until)
    problem = broken or problem or dead_canary(store.outcomes(ran.prefix, options.shard))
    rows = written.rows or store.named().get("findings", [])  # a session that came to none keeps those that are there
    named: dict[str, Any] = {"findings": rows, "ran": ran_row(session, ran, stop, written)}
    if ran.stopped_by != "merge":  # a merged campaign that goes on has the time that is asked for
        named["elapsed"] = ran.seconds
        named["command"] = repeating(options.given, cases_of(session, ran))
    with working("ending: writing the reports"):
        return reported(session, named, ran, problem)


def reported(session: Session, named: Mapping[str, Any], ran: Ran, problem: str | None) -> Result:
    """The reports of what is in the store, written and kept, and what the campaign ended with."""
    options = session.options
    campaign = campaign_of(session.store, session.out, named)
    inconclusive = options.stop is not None and ran.stopped_by != "criterion"
    exit_status = status_of(campaign, problem, inconclusive)
    figures = Figures(campaign)
    files = rendered(figures, exit_status, options.formats)
    problem = keep(session, named, files, exit_status) or problem
    exit_status = status_of(campaign, problem, inconclusive)
    LOGGER.info("campaign ends with status %d after %.1f s of cases", exit_status, campaign.seconds)
    text = files["report.txt"].decode()
    return Result(exit_status, text, summary_text(figures), contract(figures, exit_status), problem)


def keep(session: Session, named: Mapping[str, Any], files: Mapping[str, bytes], exit_status: int) -> str | None:
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


def cases_of(session: Session, ran: Ran) -> int:
    """How many cases have to be asked for to get these batches; of a part, for each part.

    0 where that is not known: hunting was ahead of a pilot that did not come to its end.
    """
    options = session.options
    prefix = batches_covering(batches_of_whole(ran.prefix, options.shard), options.hunt)
    found = [session.batches.cases_per_batch(stream, k) for stream in STREAMS for k in range(prefix.of(stream))]
    known = [cases for cases in found if cases is not None]
    return sum(known) // options.shard.count if len(known) == len(found) else 0


def ran_row(session: Session, ran: Ran, stop: str | None, written: WrittenFindings) -> dict[str, Any]:
    """How the campaign ended, for the report."""
    options = session.options
    return {
        "seconds": ran.seconds, "compile_seconds": session.compile_seconds,
        "interrupted": ran.stopped_by == "interrupt" or session.interrupts.seen, "stopped_by": ran.stopped_by,
        "workers": options.workers, "budget_cases": options.cases, "budget_seconds": options.seconds,
        "prefix": [ran.prefix.measurement, ran.prefix.hunting], "stop": stop,
        "shrunk": [written.shrunk, written.picked],
    }  # fmt: skip


def findings_of(session: Session, ran: Ran, until: float | None) -> tuple[WrittenFindings, str | None]:
    """Findings of the cases so far, and what was found broken in making them."""
    start = time.monotonic()
    store = session.store
    with working("ending: looking for what was found"):
        picked = pick(store.outcomes(ran.prefix, session.options.shard), session.batches.plan.most_nodes)
    if session.interrupts.seen:
        until = min(until or math.inf, start + INTERRUPTED_FINDING_SECONDS)
    written, broken = WrittenFindings([], 0, len(picked)), None
    try:
        earlier = store.named().get("findings", [])
        enough = session.interrupts.or_at(until)
        timed = until is not None
        written = write_findings(session.batches, picked, session.out, session.options.workers, enough, earlier, timed)
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


def write_failed(session: Session) -> None:
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
