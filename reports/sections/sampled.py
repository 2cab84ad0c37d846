"""What `run --waste-only` prints: wasted precharge and its share, to p99.99; no word on what was not looked at."""

from __future__ import annotations

import textwrap

from percpu_fuzz.engine.outcome import MEASUREMENT
from percpu_fuzz.reports.figures.estimates import FAR_QUANTILES, OF_SAMPLES, QUANTILES, Sampled
from percpu_fuzz.reports.figures.figures import Figures
from percpu_fuzz.reports.numbers import WIDTH, number, paragraph, plain, plural, share_words
from percpu_fuzz.reports.quantities import WASTE, Quantity
from percpu_fuzz.reports.render.page import Page, Section, Table
from percpu_fuzz.reports.sections.estimate_tables import quantile_name
from percpu_fuzz.reports.sections.run import run_section
from percpu_fuzz.reports.sections.run_words import failed_batches, identity_words, speed_words

CAPTIONS = {"waste_pages": "Pages precharged but not used", "share_percent": "Percent of the precharge, cut to whole"}
SAMPLED_WORDS = (
    "Of the charged allocations of a case, averaged over the case, as in a campaign's report: the same cases, walked "
    "as the measurement stream walks them and ended with their last charge. Before [low, high] stands the estimate; "
    "the interval holds at least 95% whatever the distribution is, for a number of cases that was fixed beforehand; "
    "'-': too few cases to bound that end."
)
UNCHECKED_WORDS = "No invariant was checked: this says what the precharge costs, and nothing of whether it is right."


def sampled_words(figures: Figures) -> str:
    """How much was sampled, and what of the machines is not known."""
    campaign = figures.campaign
    cases = campaign.cases(MEASUREMENT)
    if not cases:
        return "No case was finished: nothing is known."
    words = f"{campaign.variant}: wasted precharge of {plural(cases, 'case')}. {UNCHECKED_WORDS}"
    return words + (f" {failed_batches(campaign)} could not be run." if campaign.failed else "")


def sampled_page(figures: Figures) -> Page:
    """The page of a campaign that sampled the waste alone."""
    campaign = figures.campaign
    tables = tuple(sampled_table(figures.sampled, q) for q in OF_SAMPLES)
    waste = Section("waste", "Wasted precharge", (SAMPLED_WORDS,), tables=tables)
    return Page(
        f"percpu-fuzz: wasted precharge of {campaign.variant}, seed {campaign.seed}", sampled_words(figures), False,
        campaign.command, (waste, run_section(figures)), identity_words(campaign),
    )  # fmt: skip


def sampled_table(found: list[Sampled], quantity: Quantity) -> Table:
    """A row a family, all by weight before them."""
    rows = [(row.name, share_words(row.share), *tail_cells(row, quantity)) for row in found]
    head = ("machines", "weight", "cases", "mean", *map(quantile_name, FAR_QUANTILES), "max")
    return Table(head, tuple(rows), caption=CAPTIONS[quantity.histogram])


def sampled_summary(figures: Figures) -> str:
    """What a terminal shows at the end: mean and quantiles of the waste, a line each, and where the rest is."""
    campaign, found = figures.campaign, figures.sampled[0]
    lines = ["", *paragraph(sampled_words(figures)), ""]
    tail = found.tails.get(WASTE.histogram)
    if tail is None:
        lines += paragraph("No allocation was charged: nothing is known.")
    else:
        rows = [("mean", WASTE.mean_words(tail.mean, tail.mean_interval))]
        rows += [(quantile_name(q), WASTE.quantile_words(found)) for q, found in tail.quantiles.items()]
        lines += [f"{found.name}: pages precharged in vain an allocation, [95% interval]"]
        lines += [f"  {name:<8}{words}" for name, words in rows] + [f"  {'largest':<8}{number(tail.max)}"]
    lines += ["", f"{number(campaign.cases(MEASUREMENT))} cases in {campaign.seconds:.1f} s, {speed_words(campaign)}"]
    for words in identity_words(campaign):
        lines += textwrap.wrap(plain(words), WIDTH)
    lines += ["", f"Report    {plain(campaign.out)}/report.html, beside it report.txt with every family"]
    return "\n".join([*lines, f"Again     {plain(campaign.command)}"]) + "\n"


def tail_cells(found: Sampled, quantity: Quantity) -> tuple[str, ...]:
    """Cases, mean, quantiles and the largest, as text; '-' for what is not known."""
    tail = found.tails.get(quantity.histogram)
    if tail is None:
        return (number(found.cases), *("-",) * (len(FAR_QUANTILES) + 2))
    quantiles = (quantity.quantile_words(tail.quantiles[q]) if q in tail.quantiles else "-" for q in FAR_QUANTILES)
    mean = quantity.mean_words(tail.mean, tail.mean_interval)
    return (number(found.cases), mean, *quantiles, quantity.value_words(tail.max))


def here_words(figures: Figures) -> str:
    """This machine's waste in a sentence, or why it is not known; empty where nobody looked."""
    here = figures.here
    if here is None:
        return ""
    if here.sampled is None:
        return f"this machine was not sampled: {here.unknown or 'no allocation of its sample was charged'}."
    tail = here.sampled.tails[WASTE.histogram]
    quantiles = "; ".join(
        f"{quantile_name(q)} {WASTE.quantile_words(tail.quantiles[q])}" for q in (QUANTILES[0], QUANTILES[2])
    )
    which = f"{plural(here.nodes, 'possible node')}, {plural(here.cpus, 'possible CPU')}"
    return (
        f"{WASTE.mean_words(tail.mean, tail.mean_interval)} pages precharged in vain an allocation on this machine "
        f"({which}); {quantiles}."
    )


def here_tables(figures: Figures) -> tuple[Table, ...]:
    """This machine as the first table of the waste, all by weight comes after it."""
    here = figures.here
    if here is None or here.sampled is None:
        return ()
    rows = tuple((q.words, *tail_cells(here.sampled, q)) for q in OF_SAMPLES)
    head = ("this machine", "cases", "mean", *map(quantile_name, FAR_QUANTILES), "max")
    return (Table(head, rows, caption=here_caption(figures)),)


def here_caption(figures: Figures) -> str:
    """What machine it is, and how to know more of it."""
    here = figures.here
    assert here is not None
    words = f"This machine: {plural(here.nodes, 'possible node')}, {plural(here.cpus, 'possible CPU')}, pages of "
    words += f"{number(here.page_size)} bytes; [95% interval]. A sample without checks, in no other figure."
    words += "".join(f" Assumed: {note}." for note in here.assumed)
    return f"{words} `run --waste-only` samples more of a machine."
