"""What a campaign comes to, for eyes: verdict, findings as sentences, waste and what base does, limits, what next."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from percpu_fuzz.engine.outcome import MEASUREMENT, STREAMS
from percpu_fuzz.engine.shown import shell_line
from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.estimates import Distribution
from percpu_fuzz.reports.figures.families import HUGE_NODES
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import WIDTH, command, number, paragraph, plain, plural, share_words, upper_percent
from percpu_fuzz.reports.quantities import WASTE
from percpu_fuzz.reports.render.lanes import ROWS_MOST, Lanes, laid_out, lanes_picture
from percpu_fuzz.reports.render.page import Figure, Section, Table
from percpu_fuzz.reports.sections.brief.causes import Cause, causes
from percpu_fuzz.reports.sections.brief.schedule import two_columns
from percpu_fuzz.reports.sections.rate_words import NAMES_CODE, rate_cell, replay_line
from percpu_fuzz.reports.sections.run_words import failed_batches, identity_words, verdict_words
from percpu_fuzz.reports.sections.sampled import here_words, sampled_summary

SUMMARY_LINES_MOST = 45  # after the last line of progress
FINDINGS_SHOWN = 5
HEADROOM_PAGES = 4
SCHEDULE_LINES = 12
NAME_WIDTH = 10
PLANTED = ("canary.run", "canary.found")  # counts of batches: mistakes that they carried, and that they found


def summary_section(figures: Figures) -> Section:
    """The first section of every format: findings as entries, each with its schedule in two columns."""
    campaign = figures.campaign
    parts = tuple(short_entry(campaign, found) for found in causes(campaign)[:FINDINGS_SHOWN])
    words = () if parts else (no_finding_words(figures),)
    if len(campaign.findings) > len(parts):
        words = (
            f"{len(parts)} of {plural(len(campaign.findings), 'finding')}, by the numbers of their files; others read "
            "like one of these or come after them. All stand under Findings.",
        )
    return Section("summary", "What was found", words, parts=parts)


def short_entry(campaign: Campaign, found: Cause) -> Section:
    """A finding in short: sentence, rate, command, schedule; where pictures can be shown, all of its steps."""
    lines = two_columns(found.until_broken, SCHEDULE_LINES, WIDTH - 4)
    return Section(
        f"cause-{found.number}", f"{found.number}. {found.sentence}", (said_of(found),),
        (steps_figure(found.invariants[0], laid_out(found.steps)),) if found.steps else (),
        command=show_line(campaign, found), lines=tuple(lines), columns=True,
    )  # fmt: skip


def steps_figure(invariant: str, lanes: Lanes) -> Figure:
    """Every step of a finding, a column a CPU."""
    caption = "A column a CPU, a line a step; beside it what the step changed."
    if len(lanes.rows) > ROWS_MOST:
        caption += f" The last {ROWS_MOST} of {number(len(lanes.rows))} lines."
    return Figure(
        "The interleaving, every step", lanes_picture(f"{invariant}: the interleaving", lanes), caption, scrolls=True
    )


def cost_section(figures: Figures) -> Section:
    """The second section: what the precharge costs, and what is left open."""
    table = Table(("", ""), tuple(cost_rows(figures)), 1, prose=1)
    return Section("cost", "What it costs, and what is left open", tables=(table,))


def show_line(campaign: Campaign, found: Cause) -> str:
    """The command that shows a finding."""
    return replay_line(campaign, found.file) + " --lanes"


def said_of(found: Cause) -> str:
    """Rate, invariants and where else it shows, on one line."""
    parts = (found.measured, ", ".join(in_order(found.invariants)), found.elsewhere)
    return "; ".join(filter(None, parts)) + "."


def in_order(invariants: Sequence[str]) -> list[str]:
    """As the engine lists them: I8 before I12."""
    return sorted(invariants, key=lambda name: (len(name.rstrip("b")), name))


def no_finding_words(figures: Figures) -> str:
    """What it means that nothing is listed."""
    broken = [row.invariant for row in figures.invariants if row.cases]
    if broken:
        return f"{', '.join(broken)} violated; no case was shrunk in the time that was left."
    return "No finding."


def cost_rows(figures: Figures) -> list[tuple[str, str]]:
    """(name, words): waste, base, headroom, limits."""
    rows = [("here", words)] if (words := here_words(figures)) else []
    rows += [("waste", waste_said(figures))]
    if words := huge_words(figures):
        rows.append(("larger", words))
    if words := planted_words(figures.campaign):
        rows.append(("planted", words))
    return [*rows, ("limits", limit_words(figures))]


def waste_said(figures: Figures) -> str:
    """What the precharge wastes, against base; also where it wastes nothing or nothing is known."""
    if not figures.precharges:
        return f"{figures.campaign.variant} precharges nothing, so it wastes no page."
    found = headline_waste(figures)
    if found is None:
        return "No charged allocation was measured: nothing is known."
    return f"{waste_words(*found)} {against_base_words(figures)}"


def planted_words(campaign: Campaign) -> str:
    """How many of the mistakes that it carries a campaign found; empty where it carried none."""
    run, found = (sum(campaign.count(stream, name) for stream in STREAMS) for name in PLANTED)
    return f"{number(found)} of {plural(run, 'planted mistake')} found." if run else ""


def headline_waste(figures: Figures) -> tuple[Distribution, bool] | None:
    """(waste by weight of families on machines of up to HUGE_NODES nodes, True), where there are others too; else that
    of all and False; None where nothing was charged.
    """
    whole, rest = (d.get(WASTE.histogram) for d in (figures.pooled, figures.pooled_without_huge))
    found = rest or whole
    return None if found is None else (found, rest is not None)


def huge_words(figures: Figures) -> str:
    """Machines of many nodes: weight, cases, and what the mean is with them; empty where there are none."""
    huge, whole = figures.huge, figures.pooled.get(WASTE.histogram)
    if huge is None or whole is None or WASTE.histogram not in figures.pooled_without_huge:
        return ""
    mean = WASTE.mean_words(whole.mean, whole.mean_interval)
    which = f"{', '.join(huge.names)}; weight {share_words(huge.share)}, {plural(huge.cases, 'measured case')}"
    return f"machines of over {HUGE_NODES} nodes ({which}): with them the mean by weight is {mean} pages."


def waste_words(found: Distribution, is_part: bool) -> str:
    """Mean, two quantiles and the number of probes."""
    quantiles = "; ".join(
        f"p{100 * q:g} {WASTE.quantile_words(found.quantiles[q])}" for q in (0.5, 0.99) if q in found.quantiles
    )
    on = f" on machines of up to {HUGE_NODES} nodes" if is_part else ""
    mean = WASTE.mean_words(found.mean, found.mean_interval)
    return f"{mean} pages precharged in vain an allocation{on}; {quantiles}."


def against_base_words(figures: Figures) -> str:
    """What base does, and what of what the variant wastes can be felt near a limit."""
    words = "base wastes none"
    row = next((row for row in figures.headroom if row.pages == HEADROOM_PAGES and row.of_fitting is not None), None)
    if row is None or row.of_fitting is None:
        return words + "."
    return (
        f"{words}. With {HEADROOM_PAGES} pages left below memory.max, {rate_cell(row.of_fitting)} of the allocations "
        "that fit fail only for their precharge."
    )


def limit_words(figures: Figures) -> str:
    """What was not violated, with its bound, and what could not be run."""
    campaign = figures.campaign
    clean = [row for row in figures.invariants if not row.cases and row.applicable is not False]
    n = campaign.cases(MEASUREMENT) - campaign.unknown(MEASUREMENT)
    words = "no case was measured." if not n else ""
    if clean and n:
        bound = upper_percent(clean[0].measurement.upper_bound)
        others = plural(len(clean), "other invariant" if any(row.cases for row in figures.invariants) else "invariant")
        words = f"{others} held in {number(n)} measured cases (each broken in at most {bound})."
    if campaign.failed:
        words += f" {failed_batches(campaign)} could not be run."
    return f"{words} It bounds what was drawn and proves nothing.".strip()


def summary_text(figures: Figures) -> str:
    """What a terminal shows at the end of a run: SUMMARY_LINES_MOST lines, if need be of fewer findings.

    What it costs, what was run and where to go on stand whole.
    """
    campaign = figures.campaign
    if campaign.waste_only:
        return sampled_summary(figures)
    cases = sum(campaign.cases(stream) for stream in STREAMS)
    lines = ["", *paragraph(verdict_words(figures))]
    end = [""]
    for name, words in cost_rows(figures):
        end += hanging(name.capitalize(), words)
    end += [*hanging("Model", " ".join(identity_words(campaign))), *next_lines(figures)]
    found = causes(campaign)
    if not found and cases:
        lines += ["", *paragraph(no_finding_words(figures))]
    lines += findings_within(campaign, found, SUMMARY_LINES_MOST - len(lines) - len(end))
    return "\n".join([*lines, *end]) + "\n"


def findings_within(campaign: Campaign, found: Sequence[Cause], room: int) -> list[str]:
    """As many findings, each whole, as so many lines hold, and how many more there are; the first one always."""
    lines: list[str] = []
    every, shown = len(campaign.findings), 0
    for one in found[:FINDINGS_SHOWN]:
        entry = ["", *finding_lines(one, show_line(campaign, one))]
        more = 2 * (shown + 1 < every)
        if shown and len(lines) + len(entry) + more > room:
            break
        lines, shown = [*lines, *entry], shown + 1
    left = every - shown
    return lines + (["", f"and {plural(left, 'more finding')}, in report.txt"] if found and left else [])


def finding_lines(found: Cause, line: str) -> list[str]:
    """The sentence, what is known of it, and the command that shows it."""
    return [
        *textwrap.wrap(plain(f"{found.number}. {found.sentence}"), WIDTH, subsequent_indent="   "),
        *textwrap.wrap(plain(said_of(found)), WIDTH, initial_indent="   ", subsequent_indent="   "),
        *command(line, "     "),
    ]


def hanging(name: str, words: str) -> list[str]:
    """A name, and its words beside it."""
    indent = " " * NAME_WIDTH
    return textwrap.wrap(plain(words), WIDTH, initial_indent=f"{name:<{NAME_WIDTH}}", subsequent_indent=indent)


def next_lines(figures: Figures) -> list[str]:
    """Where everything is, and what to type next."""
    out = figures.campaign.out
    whole = "beside it report.txt, the whole as text (--full prints it)"
    rows = (("Report", f"{out}/report.html"), ("", whole), *next_commands(figures))
    return ["", *(f"{name:<{NAME_WIDTH}}{plain(line)}" for name, line in rows)]


def next_commands(figures: Figures) -> Sequence[tuple[str, str]]:
    """(what for, command)."""
    out = figures.campaign.out
    mail = shell_line(["percpu-fuzz", "report", out, "--format", "mail"])
    seconds = figures.campaign.budget_seconds or figures.campaign.seconds
    longer = max(60, round(10 * seconds / 60) * 60)
    typed = {"--variant": figures.campaign.variant, "--scheduler": str(figures.campaign.describe.get("scheduler", ""))}
    code = [word for pair in typed.items() if NAMES_CODE.search(pair[1]) for word in pair]  # runs only if it is typed
    return [("Next", mail), ("", shell_line(["percpu-fuzz", "run", "--resume", out, "--time", f"{longer}", *code]))]
