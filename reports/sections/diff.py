"""`percpu-fuzz diff` as a page, from its stored object alone: a table version by kind, then each kind side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from percpu_fuzz.reports.identity import model_words
from percpu_fuzz.reports.numbers import number, percent, plural
from percpu_fuzz.reports.render.page import Page, Section, Table
from percpu_fuzz.reports.sections.brief.diff_mail import again_command
from percpu_fuzz.reports.sections.rate_words import rate_cell
from percpu_fuzz.reports.statistics.strata import pooled_rate

CELL_WORDS = (
    "Of measured cases, by the families' weights, [95% interval]; 'hunted': no measured case, but hunted ones, which "
    "estimate nothing; '-': none. An operation reads: what it comes to on {base} | what it comes to here. A case "
    "counts under the first operation that comes out otherwise, or, if none does, under what it leaves."
)
SPAN_WORDS = (
    "'Shown by' takes the versions in the order in which they were given: the first of a span brings the difference, "
    "the version after its end takes it away. A kind that is rare may be missing by chance: the intervals say."
)
HOW_WORDS = (
    "The same programs on the same machines, operations one after the other, without interleavings: what differs is "
    "what the accounting does."
)


def diff_page(row: Mapping[str, Any], shown_most: int | None = None) -> Page:
    """What users of each variant would notice who come from the base; of each variant so many kinds side by side."""
    base, variants = row["base"], row["variants"]
    found = row["differences"]
    title = f"percpu-fuzz diff: {', '.join(variants)} against {base}, seed {row['seed']}"
    if found:
        kinds = {difference["kind"] for difference in found}
        verdict = f"{plural(len(kinds), 'kind')} of differences in {plural(row['cases'], 'case')}."
    else:
        verdict = f"No difference in {plural(row['cases'], 'case')}."
    sections = [table_section(row, shown_most is None)] if found else []
    sections += [
        variant_section(row, variant, shown_most) for variant in variants if any(d["variant"] == variant for d in found)
    ]
    lead = [lead_words(row, variant) for variant in variants if any(d["variant"] == variant for d in found)]
    words = (*lead, HOW_WORDS, model_words(variants[-1]))
    return Page(title, verdict, bool(found), again_command(row), tuple(sections), words)


def table_section(row: Mapping[str, Any], rare_too: bool) -> Section:
    """Version by kind: the share of cases that show it. rare_too: with what fewer than RARE of measured cases show."""
    by_place = {(d["kind"], d["variant"]): d for d in row["differences"]}
    kinds = list(dict.fromkeys(d["kind"] for d in sorted(row["differences"], key=_class_of)))
    every = len(kinds)
    if not rare_too:
        kinds = [kind for kind in kinds if not is_rare(row, (d for d in row["differences"] if d["kind"] == kind))]
    variants, words = row["variants"], CELL_WORDS.format(base=row["base"])
    several = len(variants) > 1
    rows = []
    for kind in kinds:
        found = [by_place.get((kind, variant)) for variant in variants]
        span = [span_words([v for v, difference in zip(variants, found, strict=True) if difference], variants)]
        rows.append((kind, *(span if several else ()), *(share_cell(row, difference) for difference in found)))
    head = (f"against {row['base']}", *(("shown by",) if several else ()), *variants)
    table = Table(head, tuple(rows), 2 if several else 1, prose=0)
    notes = (words, SPAN_WORDS) if several else (words,)
    left = every - len(kinds)
    if left:
        notes = (f"{plural(left, 'kind')} that fewer than {RARE:.1%} of measured cases show: in diff.txt.", *notes)
    tables = (table,) if kinds else ()
    return Section("versions", "What differs, by version", tables=tables, notes=notes)


def span_words(showing: Sequence[str], variants: Sequence[str]) -> str:
    """The variants that show a kind, neighbours in the order of the command line as a span."""
    spans: list[list[str]] = []
    for variant in variants:
        if variant not in showing:
            spans.append([])
        elif spans and spans[-1]:
            spans[-1].append(variant)
        else:
            spans.append([variant])
    named = [span[0] if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in spans if span]
    return ", ".join(named)


def _class_of(difference: Mapping[str, Any]) -> int:
    kind = difference["kind"]
    return 0 if BETWEEN in kind else 1 if "events" in kind else 2


def share_cell(row: Mapping[str, Any], difference: Mapping[str, Any] | None) -> str:
    """A rate with its interval, or how it was seen."""
    if difference is None:
        return "-"
    if not difference["measured"]:
        return "hunted"
    return rate_cell(pooled_rate(strata(row, difference["measured"])))


def variant_section(row: Mapping[str, Any], variant: str, shown_most: int | None) -> Section:
    """Each kind of a variant: how often, and its shrunk case side by side; shown_most: only so many of them."""
    mine = [d for d in row["differences"] if d["variant"] == variant]
    parts = tuple(kind_section(row, place, difference) for place, difference in enumerate(mine[:shown_most], 1))
    left = len(mine) - len(parts)
    words = (f"The first {len(parts)}; {left} more in diff.txt.",) if left else ()
    return Section(f"of-{variant}", f"{variant} against {row['base']}, shrunk", words, parts=parts)


def kind_section(row: Mapping[str, Any], place: int, difference: Mapping[str, Any]) -> Section:
    """One kind: counts, the machine, the table."""
    measured, shown = sum(difference["measured"].values()), difference["shown"]
    stream, k, case = difference["first"]
    words = [
        f"{number(measured)} of {number(sum(row['measured'].values()))} measured cases, {number(difference['hunted'])} "
        f"of {number(row['hunted'])} hunted ones; first: case {case} of {stream} batch {k}."
    ]
    tables: Sequence[Table] = ()
    if shown is None:
        words.append("Not shrunk: the time was over.")
    else:
        words += [*shown["machine"], *test_words(difference)]
        rows = tuple(tuple(line) for line in shown["rows"])
        tables = (Table(("", row["base"], difference["variant"]), rows, prose=0),)
    return Section(
        f"{difference['variant']}-{place}", f"{place}. {difference['kind']}", tuple(words), tables=tuple(tables)
    )


def test_words(difference: Mapping[str, Any]) -> Iterable[str]:
    """Where its test lies."""
    if difference.get("file"):
        yield f"As a test: {difference['file']}"


# What a comparison comes to, in sentences: what succeeds or fails otherwise, and on which machines.
BETWEEN = " | "
RARE = 0.001  # of measured cases: what no version shows as often stands in the files alone
FAMILIES_MOST = 3


def strata(row: Mapping[str, Any], seen: Mapping[str, int]) -> list[tuple[float, int, int]]:
    """(share, cases, cases that show it) of each family."""
    weights = row["weights"]
    total = sum(weights.values())
    return [(weights[name] / total, row["measured"].get(name, 0), seen.get(name, 0)) for name in weights]


def is_rare(row: Mapping[str, Any], differences: Iterable[Mapping[str, Any]]) -> bool:
    """Whether each of these, one kind on several versions, was seen in fewer than RARE of the measured cases."""
    rates = [pooled_rate(strata(row, difference["measured"])) for difference in differences]
    return all(rate is None or rate.rate is None or rate.rate < RARE for rate in rates)


def lead_words(row: Mapping[str, Any], variant: str) -> str:
    """What a user of a variant loses and gains who comes from the base. A case counts under one operation at most."""
    found = [d for d in row["differences"] if d["variant"] == variant and BETWEEN in d["kind"]]
    lost = seen_in(d for d in found if succeeds(d["kind"]) == (True, False))
    won = seen_in(d for d in found if succeeds(d["kind"]) == (False, True))
    words = [
        f"{variant}: {share_of(row, lost)} of measured cases have an operation that succeeds on {row['base']} and "
        f"fails here, {share_of(row, won)} one that fails there and succeeds here."
    ]
    if where := most_of(row, lost):
        words.append(f"What fails here does so most often on machines of the families {where}.")
    return " ".join(words)


def succeeds(kind: str) -> tuple[bool, bool]:
    """Whether the operation of a kind succeeds on the base, and here."""
    base, _, here = kind.partition(": ")[2].partition(BETWEEN)
    return base.startswith("succeeds"), here.startswith("succeeds")


def seen_in(differences: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Measured cases by family that show any of these; no case shows two."""
    cases: Counter[str] = Counter()
    for difference in differences:
        cases.update(difference["measured"])
    return cases


def share_of(row: Mapping[str, Any], seen: Mapping[str, int]) -> str:
    """By the families' weights, with its interval; none of so many."""
    return rate_cell(pooled_rate(strata(row, seen))) if any(seen.values()) else "none"


def most_of(row: Mapping[str, Any], seen: Mapping[str, int]) -> str:
    """The families with the largest shares, and these."""
    shares = {name: seen[name] / row["measured"][name] for name in seen if seen[name]}
    names: Sequence[str] = sorted(shares, key=lambda name: (-shares[name], name))[:FAMILIES_MOST]
    return ", ".join(f"{name} ({percent(shares[name], 1)})" for name in names)
