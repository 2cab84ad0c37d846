"""One session of a campaign from its options to its reports: compile, run batches, finish."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from percpu_fuzz.fuzz.campaign.cluster import ClusterWorkers
from percpu_fuzz.fuzz.campaign.dispatcher import Dispatcher, Limits
from percpu_fuzz.fuzz.campaign.ending import Result, finish
from percpu_fuzz.fuzz.campaign.log import LOGGER, CampaignLog
from percpu_fuzz.fuzz.campaign.loop import Lines, View, Workers, ended, run_batches
from percpu_fuzz.fuzz.campaign.reserve import LEAST_SECONDS, measured
from percpu_fuzz.fuzz.campaign.session import Session, open_output
from percpu_fuzz.fuzz.campaign.workers import Bounds, LocalWorkers
from percpu_fuzz.fuzz.configuration import described
from percpu_fuzz.fuzz.files import is_full
from percpu_fuzz.fuzz.findings.helpers import CUT_SECONDS
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.output.folder import Lock
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.fuzz.settings import RunOptions
from percpu_fuzz.fuzz.store.reading import damage_refused
from percpu_fuzz.fuzz.store.resuming import EarlierSessions
from percpu_fuzz.reports.figures.stopping import Watch, parse_stop
from percpu_fuzz.reports.numbers import percent
from percpu_fuzz.strategies.draw.calibration import refused_shares
from percpu_fuzz.strategies.plan.batches import Batches
from percpu_fuzz.strategies.plan.plan import Plan


def run_campaign(
    options: RunOptions, plan: Plan, out: Path, say: Callable[[str], None], view: View | None = None,
    interrupts: Interrupts | None = None, lock: Lock | None = None,
) -> Result:  # fmt: skip
    """Run a campaign into the folder `out`: an empty one, or that of a campaign to resume.

    say: gets lines for the person who waits. interrupts: those that are caught() so far. lock: the folder's, if the
    caller holds it. InputError if the folder's campaign is another one.
    """
    store, log = open_output(out, options, lock)
    try:
        earlier = EarlierSessions.of(store, plan, options)
        session = Session(options, Batches(plan), out, store, earlier, interrupts or Interrupts())
        if not options.quiet:
            say("# options of this campaign, as --config takes them")
            say(described(options.given) + f"# code {plan.describe()['code']}")
        for note in plan.notes:
            say(f"note: {note}")
        surveys = session.compile(say)
        for line in refused_lines(plan):
            say(line)
        if not options.quiet:
            say(f"compiled or loaded in {session.compile_seconds:.1f} s, output in {out}")
        session.keep_provenance(surveys)
        return run_session(session, log, view or Lines(say))
    finally:
        log.close()
        store.close()


def run_session(session: Session, log: CampaignLog, view: View) -> Result:
    """The batches, then their end."""
    options, plan, batches = session.options, session.plan, session.batches
    criterion = None
    if options.stop is not None:
        criterion = Watch(parse_stop(options.stop), plan.weights, plan.most_nodes)
    with damage_refused(session.store.path):  # it takes in what earlier sessions left
        dispatcher = Dispatcher(batches, session.store, limits_of(session), criterion)
    broken = None
    try:
        with view:
            ran = run_batches(dispatcher, lambda: workers_of(options, batches, log), view, session.interrupts)
    except (OSError, sqlite3.Error) as error:
        if not is_full(error):
            raise
        ran, broken = ended(dispatcher, "disk"), f"{session.store.path}: {error}"
    stop = None if criterion is None else f"{criterion.criterion.text}: {criterion}"
    with damage_refused(session.store.path) if dispatcher.resumed else contextlib.nullcontext():
        return finish(session, ran, stop, broken, shrink_until(dispatcher))


def workers_of(options: RunOptions, batches: Batches, log: CampaignLog) -> Workers:
    """Who runs the batches: processes of this machine, or a cluster."""
    if options.cluster is not None:
        return ClusterWorkers(batches, options.cluster)
    bounds = Bounds(options.batch_seconds, options.worker_memory_bytes)
    return LocalWorkers(batches, log, bounds, options.start_method)


def limits_of(session: Session) -> Limits:
    """When to stop; what is kept of the time for findings and report comes from a measurement made now."""
    options = session.options
    limits = Limits(
        options.cases, options.seconds, options.hunt, options.workers, options.shard, session.earlier.seconds,
        checks=not options.waste_only,
    )  # fmt: skip
    if options.seconds is None or session.interrupts.seen:
        return limits
    with working("measuring how long findings and reports will take"):
        reserve = measured(session.batches, options.seconds)
    LOGGER.info("kept of the time: %s", reserve)
    return replace(limits, reserve=reserve)


def shrink_until(dispatcher: Dispatcher) -> float | None:
    """By time.monotonic(): when findings must be done for the reports to be in time; a moment from now at least."""
    if dispatcher.ends_at is None:
        return None
    reports = dispatcher.limits.reserve.reports(dispatcher.rows)
    return max(dispatcher.ends_at - reports - CUT_SECONDS, time.monotonic() + LEAST_SECONDS)


def refused_lines(plan: Plan) -> list[str]:
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
