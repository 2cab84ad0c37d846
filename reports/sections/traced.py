"""The sections of a trace report: waste, failures by headroom, bytes amiss, pages by node, what was read."""

from __future__ import annotations

from percpu_fuzz.reports.figures import traced as traced_figures
from percpu_fuzz.reports.figures.traced import (
    TRACED_QUANTILES,
    Traced,
    headrooms,
    mean_waste,
    most_waste,
    nodes_of,
    per_node,
    quantile_of,
    range_of,
    share_misplaced,
    share_of_spurious,
)
from percpu_fuzz.reports.numbers import decimal, figure, number, percent, plural
from percpu_fuzz.reports.render.page import Figure, Page, Section, Table
from percpu_fuzz.reports.render.pictures import Curve, NodeBar, curves_picture, distribution_picture, nodes_picture
from percpu_fuzz.reports.sections.waste import X_TITLE, cut

CENSUS_WORDS = (
    "One recorded run, counted whole. Its allocations are not independent (an allocation follows from those before "
    "it), and other runs of the same workload are not in it: no figure has a confidence interval, and none should "
    "be made of n."
)
MODEL_WORDS = (
    "Where pages lie is not in the trace: figures are those of every page on the nearest node with memory, and "
    "[least, most] is the range over that and fallback in runs at the rate of a calibration. The range is of these "
    "placements only: a machine under heavier pressure may lie outside."
)
SPURIOUS_WORDS = (
    "Spurious failure: an allocation that fits into h pages of headroom by the pages it uses, and fails because its "
    "precharge does not: used <= h < precharged. The recorded limits are not replayed; h is the question, not a "
    "state of the run. Allocations that may not block fail at once where others reclaim first."
)
MISPLACED_WORDS = (
    "Attribution error: bytes that the variant's walk books on another node than the one they lie on, possible "
    "where an area straddles pages of different nodes."
)
NODES_WORDS = (
    "What would have been charged, by node: pages as KMEM counts them, and the bytes of live charged areas in them; "
    "the difference lies in byte stocks or is rounded up. Peaks of nodes need not be at the same moment. Metadata, "
    "where the variant charges it, is taken to lie on the first CPU's nearest node: no trace says where it was."
)


def traced_page(traced: Traced) -> Page:
    """The page of a trace."""
    sections = (
        traced_waste_section(traced), spurious_section(traced), traced_misplaced_section(traced), nodes_section(traced),
        read_section(traced),
    )  # fmt: skip
    differs = traced.rows_equal != traced.rows
    title = f"percpu-fuzz trace: variant {traced.variant} on {traced.topology}"
    return Page(title, traced_verdict_words(traced), differs or bool(traced.broken), traced.command, sections)


def traced_verdict_words(traced: Traced) -> str:
    """What was run, and whether memory.stat agrees."""
    words = f"{plural(traced.main.charged, 'charged allocation')}."
    if traced.rows:
        words += (
            f" memory.stat percpu: {number(traced.rows_equal)} of {number(traced.rows)} rows equal, "
            f"{number(traced.rows_lagging)} lag, worst difference {number(traced.worst_difference_bytes)} bytes."
        )
    if traced.broken:
        words += f" Broken in a hook: {', '.join(traced.broken)}."
    return words


def ranged(traced: Traced, of: traced_figures.PlacedFigure, text: str, form: str = "") -> tuple[str, ...]:
    """A figure's cell and, where the placement is modelled, that of its range."""
    if not traced.others:
        return (text,)
    found = range_of(traced, of)
    if found is None:
        return (text, "-")
    ends = [percent(end) if form == "percent" else figure_text(end) for end in found]
    return (text, f"[{ends[0]}, {ends[1]}]")


def figure_text(value: float) -> str:
    """A whole number as it is, others with two decimals."""
    return number(int(value)) if value == int(value) else decimal(value)


def range_head(traced: Traced) -> tuple[str, ...]:
    """The head of the column that `ranged` adds; none where there is one placement only."""
    return ("[least, most]",) if traced.others else ()


def nothing_words(traced: Traced) -> str:
    """Why there is no charged allocation, and what to do."""
    if traced.charge == "observed":
        return (
            "No charged allocation: the trace has no `post` probe events that say what was charged. --charge accounted "
            "counts every allocation with __GFP_ACCOUNT as charged."
        )
    return "No charged allocation: none of the trace has __GFP_ACCOUNT."


def traced_waste_section(traced: Traced) -> Section:
    """Quantiles, and the distribution as a picture."""
    title = "Wasted precharge"
    if not traced.main.charged:
        return Section("waste", title, (nothing_words(traced),))
    if not traced.precharges:
        return Section("waste", title, (f"n/a: {traced.variant} precharges nothing.", CENSUS_WORDS))
    main, waste = traced.main, traced.main.waste()
    pages = sum(value * n for value, n in waste.items())
    rows = [("mean", *ranged(traced, mean_waste, figure(mean_waste(main))))]
    for q in TRACED_QUANTILES:
        rows.append((f"p{100 * q:g}", *ranged(traced, quantile_of(q), number(int(quantile_of(q)(main) or 0)))))
    rows.append(("max", *ranged(traced, most_waste, number(max(waste)))))
    caption = f"n = {plural(main.charged, 'charged allocation')} gave {plural(pages, 'page')} back"
    table = Table(("pages wasted", "pages", *range_head(traced)), tuple(rows), caption=caption)
    words = [CENSUS_WORDS]
    if main.short:
        words.append(f"{plural(main.short, 'allocation')} used more pages than were precharged (I1).")
    return Section("waste", title, tuple(words), (waste_figure(traced, waste),), (table,))


def waste_figure(traced: Traced, waste: dict[int, int]) -> Figure:
    """Shares of allocations by pages wasted, and the share at or below each."""
    n = sum(waste.values())
    drawn, beyond = cut({value: k / n for value, k in waste.items()})
    points, below = [], 0
    for value, k in waste.items():
        below += k
        if value <= max(drawn):
            points.append((float(value), below / n, below / n, below / n))
    picture = distribution_picture("Pages precharged but not used", drawn, Curve("s2", tuple(points)), X_TITLE)
    keys = (("bar", "share of allocations"), ("s2", "share at or below"))
    caption = f"{traced.variant}, n = {plural(n, 'charged allocation')}, all of one run: no interval.{beyond}"
    return Figure("Pages precharged but not used", picture, caption, keys)


def spurious_section(traced: Traced) -> Section:
    """A row each for 0, 1, 2, 4, ... pages of headroom; a curve for callers that may block, one for the others."""
    title = "Failures that only the precharge causes"
    if not traced.main.charged:
        return Section("spurious", title, (nothing_words(traced),))
    if not traced.precharges:
        return Section("spurious", title, (f"n/a: {traced.variant} precharges nothing.",))
    rows = [spurious_row(traced, pages) for pages in headrooms(traced)]
    head = ("headroom, pages", "fit", "fail", "share", *range_head(traced), "may block", "may not block")
    table = Table(head, tuple(rows), caption="Of those that fit; the last columns: the share by whether it may block")
    return Section("spurious", title, (SPURIOUS_WORDS,), (spurious_figure(traced),), (table,))


def spurious_row(traced: Traced, pages: int) -> tuple[str, ...]:
    """Headroom in pages, allocations that fit, those that fail, their share, then by blocking; '-' where none fits."""
    fit, fail = traced.main.spurious(pages)
    of = share_of_spurious(pages)
    parts = [share_of_spurious(pages, nowait)(traced.main) for nowait in (False, True)]
    return (number(pages), number(fit), number(fail), *ranged(traced, of, percent(of(traced.main)), "percent"),
            *map(percent, parts))  # fmt: skip


def spurious_figure(traced: Traced) -> Figure:
    """The share of those that fit by headroom, at each page."""
    curves = []
    largest = max(precharge for precharge, _, _ in traced.main.pairs)
    places = [*range(min(largest, 64) + 1), *(2**i for i in range(7, 40) if 2**i <= largest), largest]
    for kind, nowait in (("s1", False), ("s2", True)):
        points = []
        for pages in sorted(set(places)):
            share = share_of_spurious(pages, nowait)(traced.main)
            if share is not None:
                points.append((float(pages), share, share, share))
        curves.append(Curve(kind, tuple(points)))
    titles = ("pages of headroom", "share that fails only because of the precharge")
    picture = curves_picture("Share of failures by headroom", curves, titles, log=True, percent=True)
    caption = f"{traced.variant}, n = {plural(traced.main.charged, 'charged allocation')} of one run: no interval."
    return Figure("By headroom", picture, caption, (("s1", "may block"), ("s2", "may not block")))


def traced_misplaced_section(traced: Traced) -> Section:
    """How many bytes, of how many."""
    title = "Bytes booked on another node"
    if not traced.main.charged:
        return Section("misplaced", title, (nothing_words(traced),))
    if not traced.by_node:
        return Section("misplaced", title, (f"n/a: {traced.variant} books no bytes by node.",))
    main = traced.main
    amiss = sum(n for size, n in main.misplaced.items() if size)
    blank = ("",) if traced.others else ()
    rows = (
        ("bytes booked", number(main.booked_bytes), *blank),
        ("on another node", number(main.misplaced_bytes), *blank),
        ("share", *ranged(traced, share_misplaced, percent(share_misplaced(main)), "percent")),
        ("allocations", number(amiss), *blank),
        ("most of one", number(max(main.misplaced)), *blank),
    )
    table = Table(("", "bytes", *range_head(traced)), rows, caption=f"n = {plural(main.charged, 'charged allocation')}")
    return Section("misplaced", title, (MISPLACED_WORDS,), (), (table,))


def nodes_section(traced: Traced) -> Section:
    """Peak and end by node; a variant that charges one objcg has the sum only."""
    title = "Charged by node" if traced.by_node else "Charged"
    rows = nodes_of(traced)
    cells = tuple(
        ("all" if row.node is None else str(row.node), *map(number, (row.pages_most, row.pages_end, row.bytes_most,
                                                                    row.bytes_end)))
        for row in rows
    )  # fmt: skip
    table = Table(("node", "pages, peak", "at the end", "bytes, peak", "at the end"), cells)
    tables = [table]
    words: tuple[str, ...] = (NODES_WORDS,)
    figures: tuple[Figure, ...] = ()
    if traced.by_node:
        bars = [NodeBar(str(r.node), r.pages_most * traced.page_bytes, r.bytes_most) for r in per_node(rows)]
        caption = "One run, no estimate. Light: the pages counted on the node at most; dark: the bytes of live areas."
        if len(bars) <= 16:
            figures = (Figure("Peak by node", nodes_picture("Peak by node", bars, ("node", "bytes")), caption),)
        if traced.others:
            tables.append(ranges_table(traced))
    else:
        words = (f"{traced.variant} charges a cgroup, not its nodes.", NODES_WORDS)
    return Section("nodes", title, words, figures, tuple(tables))


def ranges_table(traced: Traced) -> Table:
    """Least and most over the placements that were tried."""
    rows = []
    for i, row in enumerate(traced.main.nodes):
        every = [placed.nodes[i] for placed in traced.every]
        cells = []
        for name in ("pages_most", "pages_end", "bytes_most", "bytes_end"):
            values = [getattr(found, name) for found in every]
            cells.append(f"[{number(min(values))}, {number(max(values))}]")
        rows.append(("all" if row.node is None else str(row.node), *cells))
    head = ("node", "pages, peak", "at the end", "bytes, peak", "at the end")
    return Table(head, tuple(rows), caption=f"[least, most] over {len(traced.every)} placements")


def read_section(traced: Traced) -> Section:
    """What was read, where pages were, what was assumed."""
    words = [f"{traced.file}: {traced.read}.", f"Placement: {traced.placed}."]
    if traced.others:
        words.append(MODEL_WORDS)
    if traced.main.failed:
        words.append(f"{plural(traced.main.failed, 'allocation')} failed after the charge and gave all of it back.")
    return Section("read", "What was read", (*words, *traced.left_out_words, *traced.notes))
