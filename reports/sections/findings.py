"""Findings as a section: each distinct cause with its story, its lanes and the line that replays it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.lanes import stored_lines
from percpu_fuzz.reports.numbers import plural
from percpu_fuzz.reports.render.lanes import laid_out
from percpu_fuzz.reports.render.page import Figure, Section
from percpu_fuzz.reports.render.pictures import NodeBar, nodes_picture
from percpu_fuzz.reports.sections.brief.causes import causes
from percpu_fuzz.reports.sections.brief.summary import FINDINGS_SHOWN, steps_figure
from percpu_fuzz.reports.sections.rate_words import replay_line
from percpu_fuzz.reports.sections.run_words import rule_words

OPEN_MOST = 3  # the first ones can be read at once
PICTURES_BYTES = 1_000_000  # of all lanes together: a page is to stay under 2 MB
FINDINGS_WORDS = (
    "Cases of the most different signatures were shrunk; those that shrank to the same shape are one finding. A shape "
    "names what the shrunk case breaks first, the step, and what it takes."
)
CUT_WORDS = "Cut short by the end of the time: the smallest so far, which may not be minimal."


def shrunk_words(campaign: Campaign) -> str:
    """How many picked cases time left out; empty where none was."""
    if campaign.shrunk is None or campaign.shrunk[0] >= campaign.shrunk[1]:
        return ""
    done, picked = campaign.shrunk
    left = picked - done
    causes = "other causes may be among the rest" if left > 1 else "the last one may have another cause"
    return f"{done} of {plural(picked, 'picked case')} were shrunk before the time ended: {causes}."


def findings_section(figures: Figures) -> Section:
    """Every finding that was written, lanes as long as there is room for them."""
    campaign = figures.campaign
    title = f"Findings: {plural(len(campaign.findings), 'distinct shape')}"
    left_out = tuple(filter(None, (shrunk_words(campaign),)))
    if not campaign.findings:
        return Section("findings", "Findings", ("None was written.", *left_out))
    parts, room = [], PICTURES_BYTES
    above = {found.file for found in causes(campaign)[:FINDINGS_SHOWN] if found.steps}  # drawn in the summary
    for i, row in enumerate(campaign.findings):
        part = one_finding(figures, row, i, 0 if row["file"] in above else room)
        room -= sum(len(figure.picture) for figure in part.figures)
        parts.append(part)
    return Section("findings", title, (FINDINGS_WORDS, *left_out), parts=tuple(parts))


def one_finding(figures: Figures, row: Mapping[str, Any], index: int, room: int) -> Section:
    """Story, lanes and replay line; a row may lack all but its file and its invariant. room: bytes for its lanes."""
    words = []
    if "alike" in row:
        words.append(
            f"{plural(int(row['alike']), 'shrunk case')}, of {', '.join(map(str, row.get('invariants', ())))}."
        )
    words.append(f"Case {row.get('case', '-')} of {row.get('stream', '-')} batch {row.get('k', '-')}.")
    if row.get("cut_short"):
        words.append(CUT_WORDS)
    drawn = node_figures(figures, row)
    lines = stored_lines(row)
    if lines and room:
        figure = steps_figure(str(row["invariant"]), laid_out(lines))
        if len(figure.picture) <= room:
            drawn = (*drawn, figure)
        else:
            words.append("Its lanes are left out for the size of this page; the line below draws them.")
    command = replay_line(figures.campaign, str(row["file"])) + " --lanes"
    return Section(
        f"finding-{index + 1}", str(row.get("shape", row["invariant"])), tuple(words), drawn,
        command=command, lines=tuple(row.get("explanation", ())), folded=index >= OPEN_MOST,
    )  # fmt: skip


def node_figures(figures: Figures, row: Mapping[str, Any]) -> tuple[Figure, ...]:
    """The case node by node, where the finding has it."""
    nodes = row.get("nodes") or ()
    if not nodes:
        return ()
    bars = [NodeBar(str(n["node"]), int(n["pages"]) * int(n["page_size"]), int(n["bytes"])) for n in nodes]
    picture = nodes_picture(f"{row['invariant']}: bytes and pages by node", bars, ("node", "bytes"))
    caption = (
        f"One case, no estimate, of a run {rule_words(figures.campaign)}, at the moment when most bytes were charged. "
        "Light: the pages counted on the node; dark: the bytes of "
        "live areas charged to it. What is light only lies in a stock, belongs to slab objects, or is on its way back."
    )
    return (Figure("Node by node", picture, caption, command=replay_line(figures.campaign, str(row["file"]))),)
