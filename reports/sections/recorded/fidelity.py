"""The page of one recorded run held against the model: five figures, and what could not be observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from percpu_fuzz.reports.numbers import decimal, number, percent
from percpu_fuzz.reports.render.page import Page, Section, Table

AGREES_WORDS = "The base variant and the model of placement agree with what was recorded."
DIFFERS_WORDS = (
    "A row, the placement or a charge failure is not as the base variant and the model of placement have it."
)


def fidelity_page(
    figures: Mapping[str, Any], fallback: Mapping[str, Any] | None, read: str, left_out: Sequence[str]
) -> Page:
    """A run's page. figures: as the command prints them as JSON; fallback: what there is beside them of the placement.

    read and left_out: what was read, and what was not used of it, in words.
    """
    sections = [rows_section(figures)]
    if "areas" in figures:
        sections += [areas_section(figures["areas"]), pages_section(figures["areas"])]
    if fallback is not None:
        sections.append(placement_section(figures["placement"], fallback))
    if "charges" in figures:
        sections.append(charges_section(figures["charges"]))
    missing = [f"not in this folder: {what}" for what in figures["missing"]]
    sections.append(Section("read", "What was read", (read, *left_out, *missing)))
    verdict = AGREES_WORDS if figures["agrees"] else DIFFERS_WORDS
    return Page(f"percpu-fuzz fidelity: {figures['run']}", verdict, not figures["agrees"], "", tuple(sections))


def share(part: int, whole: int) -> str:
    """3 of 4 (75%); of nothing without the percentage."""
    return f"{number(part)} of {number(whole)}" + (f" ({percent(part / whole, 2)})" if whole else "")


def rows_section(found: Mapping[str, Any]) -> Section:
    """Figure 1: rows of memory.stat as recorded."""
    rows = share(found["rows_equal"], found["rows"])
    worst = number(found["worst_difference_bytes"])
    words = f"{rows} rows equal, {number(found['rows_lagging'])} lag, worst other difference {worst} bytes."
    return Section("rows", "1 memory.stat percpu", (words,))


def areas_section(found: Mapping[str, Any]) -> Section:
    """Figure 2: areas at the recorded chunk and offset, causes of differences by number, what was not observable."""
    words = (
        f"{share(found['equal'], found['allocations'])} at the same chunk and offset, {number(found['stretch'])} in a "
        f"row; {share(found['failures_equal'], found['failures'])} failures too."
    )
    causes = sorted(found["causes"].items(), key=lambda item: -item[1])
    rows = tuple((f"differ: {cause}", number(count)) for cause, count in causes if count)
    hidden = (
        f"Not observable: {number(found['first_chunk'])} allocations in chunks from before the trace, "
        f"{number(found['unknown_frees'])} frees of areas from before it, {number(found['conflicts'])} conflicts, "
        f"{number(found['beyond_unit'])} events beyond a unit."
    )
    return Section("areas", "2 areas", (words,), (), (Table(("", ""), rows),), notes=(hidden,))


def pages_section(found: Mapping[str, Any]) -> Section:
    """Figure 3: ranges of pages as recorded."""
    words = (
        f"{share(found['populates_equal'], found['populates'])} populated ranges equal, "
        f"{share(found['depopulates_equal'], found['depopulates'])} depopulated.",
        f"Not observable: pages populated during the first {number(found['unprobed'])} allocations.",
    )
    return Section("pages", "3 pages", words)


def placement_section(found: Mapping[str, Any], fallback: Mapping[str, Any]) -> Section:
    """Figure 4: pages on the recorded node, then by CPU node the share that fell back, and switches."""
    words = (
        f"{share(found['pages_equal'], found['pages'])} pages on the recorded node, given {number(found['intervals'])} "
        f"node-full intervals; longest run {number(found['longest_run'])}.",
        f"{share(found['others_equal'], found['others_judged'])} with intervals from the other CPUs alone; "
        f"{number(found['split'])} of {number(fallback['indices'])} page indices with CPUs of one node on two nodes.",
    )
    head = ("CPUs of node", "fall back", "model off", "by distance", "switches", "the model's")
    rows = tuple(
        (str(node), f"{decimal(100 * part, 1)}%", *(decimal(100 * off, 1) for off in offs), *map(ends_of, switches))
        for node, part, offs, switches in fallback["nodes"]
    )
    caption = (
        f"Model off, by distance: in points, of which {100 * fallback['tolerance']:.0f} are tolerated; switches by CPU"
    )
    return Section("placement", "4 placement", words, (), (Table(head, rows, caption=caption),))


def ends_of(numbers: Sequence[int]) -> str:
    """The range of some numbers."""
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least} to {most}"


def charges_section(found: Mapping[str, Any]) -> Section:
    """Figure 5: recorded failures that the model has too, and charges under a limit that fit there."""
    failures, fits = found["failures"], found["successes"]
    same, contradicted = failures.get("same", 0), found["contradicted"]
    open_ = found["recorded"] - same - contradicted
    words = (
        f"{number(found['recorded'])} recorded: {number(same)} fail in the model, {number(open_)} not decidable, "
        f"{number(contradicted)} contradicted.",
        f"Of {number(sum(fits.values()))} charges under a limit {number(fits.get('same', 0))} fit in the model, "
        f"{number(fits.get('open', 0))} not decidable, {number(fits.get('other', 0))} only after reclaim.",
    )
    return Section("charges", "5 charge failures", words)
