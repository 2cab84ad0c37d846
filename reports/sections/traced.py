"""The sections of a trace report: waste, failures by headroom, bytes amiss, pages by node, what was read."""

from __future__ import annotations

from collections.abc import Sequence

from percpu_fuzz.engine.charge_tally import NodeCharges
from percpu_fuzz.reports.figures.traced import WASTE_RANKS, TallyFigure, Traced, mean_waste, spurious_share, waste_at
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
TRACED_ATTRIBUTION_WORDS = (
    "Attribution error: bytes that the variant's walk books on another node than the one they lie on, possible "
    "where an area straddles pages of different nodes."
)
NODES_WORDS = (
    "What would have been charged, by node: pages as KMEM counts them, and the bytes of live charged areas in them; "
    "the difference lies in byte stocks or is rounded up. Peaks of nodes need not be at the same moment. Metadata, "
    "where the variant charges it, is taken to lie on the first CPU's nearest node: no trace says where it was."
)


def traced_page(traced: Traced) -> Page:
    """The page of a trace. Without a charged allocation there is nothing to say of precharges and attribution."""
    title = f"percpu-fuzz trace: variant {traced.variant} on {traced.topology}"
    said: tuple[Section, ...] = (
        _wasted(traced, "Wasted precharge"),
        _spurious(traced, "Failures that only the precharge causes"),
        _attribution(traced, "Bytes booked on another node"),
    )
    if not traced.main.charged:
        said = tuple(Section(section.name, section.title, (_nothing_charged(traced),)) for section in said)
    differs = traced.rows_equal != traced.rows or bool(traced.broken)
    return Page(title, _verdict(traced), differs, traced.command, (*said, _charged(traced), _read(traced)))


def _verdict(traced: Traced) -> str:
    """What was run, and whether memory.stat agrees."""
    words = f"{plural(traced.main.charged, 'charged allocation')}."
    if traced.rows:
        words += (
            f" memory.stat percpu: {number(traced.rows_equal)} of {number(traced.rows)} rows equal, "
            f"{number(traced.rows_lagging)} lag, worst difference {number(traced.worst_difference_bytes)} bytes."
        )
    return words + (f" Broken in a hook: {', '.join(traced.broken)}." if traced.broken else "")


def _nothing_charged(traced: Traced) -> str:
    """Why there is no charged allocation, and what to do."""
    if traced.charge == "observed":
        return (
            "No charged allocation: the trace has no `post` probe events that say what was charged. --charge accounted "
            "counts every allocation with __GFP_ACCOUNT as charged."
        )
    if traced.says_no_flags:
        return (
            "No charged allocation: the trace names no gfp flags at all, which kernels before 5.19 do not print, so "
            "--charge accounted has nothing to go by. --charge observed does: it needs `post` probe events, which "
            "docs/real-kernels.md says how to record."
        )
    return "No charged allocation: none of the trace has __GFP_ACCOUNT."


def _ranged(traced: Traced, of: TallyFigure, text: str, is_share: bool = False) -> tuple[str, ...]:
    """A figure's cell and, where the placement is modelled, that of its range."""
    if not traced.others:
        return (text,)
    found = traced.range_of(of)
    if found is None:
        return (text, "-")
    ends = [percent(e) if is_share else number(int(e)) if e == int(e) else decimal(e) for e in found]
    return (text, f"[{ends[0]}, {ends[1]}]")


def _range_head(traced: Traced) -> tuple[str, ...]:
    """The head of the column that `_ranged` adds; none where there is one placement only."""
    return ("[least, most]",) if traced.others else ()


def _wasted(traced: Traced, title: str) -> Section:
    """Quantiles, and the distribution as a picture."""
    main, waste = traced.main, traced.main.waste
    if not traced.precharges or not waste:
        return Section("waste", title, (f"n/a: {traced.variant} precharges nothing.", CENSUS_WORDS))
    pages = sum(value * n for value, n in waste.items())
    rows = [("mean", *_ranged(traced, mean_waste, figure(mean_waste(main))))]
    for q in WASTE_RANKS:
        rows.append((f"p{100 * q:g}", *_ranged(traced, waste_at(q), number(int(waste_at(q)(main) or 0)))))
    rows.append(("max", *_ranged(traced, lambda tally: tally.most_waste, number(max(waste)))))
    caption = f"n = {plural(main.charged, 'charged allocation')} gave {plural(pages, 'page')} back"
    table = Table(("pages wasted", "pages", *_range_head(traced)), tuple(rows), caption=caption)
    words = [CENSUS_WORDS]
    if main.short:
        words.append(f"{plural(main.short, 'allocation')} used more pages than were precharged (I1).")
    return Section("waste", title, tuple(words), (_waste_figure(traced, waste),), (table,))


def _waste_figure(traced: Traced, waste: dict[int, int]) -> Figure:
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


def _spurious(traced: Traced, title: str) -> Section:
    """A row each for 0, 1, 2, 4, ... pages of headroom; a curve for callers that may block, one for the others."""
    if not traced.precharges or not traced.main.charged:
        return Section("spurious", title, (f"n/a: {traced.variant} precharges nothing.",))
    rows = tuple(_spurious_row(traced, pages) for pages in traced.headrooms)
    head = ("headroom, pages", "fit", "fail", "share", *_range_head(traced), "may block", "may not block")
    table = Table(head, rows, caption="Of those that fit; the last columns: the share by whether it may block")
    return Section("spurious", title, (SPURIOUS_WORDS,), (_spurious_figure(traced),), (table,))


def _spurious_row(traced: Traced, pages: int) -> tuple[str, ...]:
    """Headroom in pages, allocations that fit, those that fail, their share, then by blocking; '-' where none fits."""
    of, by_blocking = spurious_share(pages), [spurious_share(pages, nowait)(traced.main) for nowait in (False, True)]
    share = _ranged(traced, of, percent(of(traced.main)), is_share=True)
    return (number(pages), *map(number, traced.main.spurious(pages)), *share, *map(percent, by_blocking))


def _spurious_figure(traced: Traced) -> Figure:
    """The share of those that fit by headroom, at each page."""
    curves = []
    largest = max(precharge for precharge, _, _ in traced.main.pairs)
    places = {*range(min(largest, 64) + 1), *(2**i for i in range(7, 40) if 2**i <= largest), largest}
    for kind, nowait in (("s1", False), ("s2", True)):
        shares = [(float(pages), spurious_share(pages, nowait)(traced.main)) for pages in sorted(places)]
        curves.append(Curve(kind, tuple((x, share, share, share) for x, share in shares if share is not None)))
    titles = ("pages of headroom", "share that fails only because of the precharge")
    picture = curves_picture("Share of failures by headroom", curves, titles, log=True, percent=True)
    caption = f"{traced.variant}, n = {plural(traced.main.charged, 'charged allocation')} of one run: no interval."
    return Figure("By headroom", picture, caption, (("s1", "may block"), ("s2", "may not block")))


def _attribution(traced: Traced, title: str) -> Section:
    """How many bytes, of how many."""
    main, blank = traced.main, ("",) if traced.others else ()
    if not traced.by_node or not main.charged:
        return Section("misplaced", title, (f"n/a: {traced.variant} books no bytes by node.",))
    share = _ranged(traced, lambda tally: tally.misplaced_share, percent(main.misplaced_share), is_share=True)
    rows = (
        ("bytes booked", number(main.booked_bytes), *blank),
        ("on another node", number(main.misplaced_bytes), *blank),
        ("share", *share),
        ("allocations", number(main.misplaced_allocations), *blank),
        ("most of one", number(max(main.misplaced)), *blank),
    )
    table = Table(
        ("", "bytes", *_range_head(traced)), rows, caption=f"n = {plural(main.charged, 'charged allocation')}"
    )
    return Section("misplaced", title, (TRACED_ATTRIBUTION_WORDS,), (), (table,))


def _charged(traced: Traced) -> Section:
    """Peak and end by node; a variant that charges one objcg has the sum only."""
    tables = [_nodes_table(traced.nodes, [traced.nodes])]
    if not traced.by_node:
        words = (f"{traced.variant} charges a cgroup, not its nodes.", NODES_WORDS)
        return Section("nodes", "Charged", words, (), tuple(tables))
    if traced.others:
        caption = f"[least, most] over {len(traced.every)} placements"
        tables.append(_nodes_table(traced.nodes, [placed.nodes for placed in traced.every], caption))
    return Section("nodes", "Charged by node", (NODES_WORDS,), _nodes_figures(traced), tuple(tables))


def _nodes_table(nodes: Sequence[NodeCharges], every: Sequence[Sequence[NodeCharges]], caption: str = "") -> Table:
    """A row a node: its counts, or where there are several placements least and most over them."""
    rows = []
    for i, row in enumerate(nodes):
        cells = []
        for name in ("pages_peak", "pages_end", "bytes_peak", "bytes_end"):
            values = [getattr(placed[i], name) for placed in every]
            ends = (number(min(values)), number(max(values)))
            cells.append(ends[0] if len(every) == 1 else f"[{ends[0]}, {ends[1]}]")
        rows.append(("all" if row.node is None else str(row.node), *cells))
    return Table(("node", "pages, peak", "at the end", "bytes, peak", "at the end"), tuple(rows), caption=caption)


def _nodes_figures(traced: Traced) -> tuple[Figure, ...]:
    """The peak of each node; nothing of many nodes."""
    nodes = [row for row in traced.nodes if row.node is not None]
    if len(nodes) > 16:
        return ()
    bars = [NodeBar(str(row.node), row.pages_peak * traced.page_bytes, row.bytes_peak) for row in nodes]
    caption = "One run, no estimate. Light: the pages counted on the node at most; dark: the bytes of live areas."
    return (Figure("Peak by node", nodes_picture("Peak by node", bars, ("node", "bytes")), caption),)


def _read(traced: Traced) -> Section:
    """What was read, where pages were, what was assumed."""
    words = [f"{traced.file}: {traced.read}.", f"Placement: {traced.placed}."]
    if traced.others:
        words.append(MODEL_WORDS)
    if traced.main.failed:
        words.append(f"{plural(traced.main.failed, 'allocation')} failed after the charge and gave all of it back.")
    return Section("read", "What was read", (*words, *traced.left_out_words, *traced.notes))
