"""The page of a calibration: its runs, how well it fits them, what is held out, and what could not be fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from percpu_fuzz.reports.numbers import decimal, number
from percpu_fuzz.reports.render.page import Page, Section, Table
from percpu_fuzz.reports.sections.certificate import LEAST_BOUND

CALIBRATED_WORDS = (
    "distance: total variation, the share of draws that would have to change; default: that of the weights without a "
    "calibration. G against chi-square takes allocations as independent draws, which those of one run are not: with so "
    "many, p says little and w, the size of the effect, how much (0.1 small, 0.3 medium, 0.5 large). '-': the fit "
    "excludes what was counted, or nothing is left to vary."
)
HELD_OUT_WORDS = (
    "The distance to each run of what is fitted to all the others (of a single run: to its second half of what is "
    "fitted to the first). It says how well a fit holds beyond what it was fitted to, which the table above does not: "
    "each weight there was fitted."
)
FitFigures = Mapping[str, Any]


def calibration_page(found: Mapping[str, Any], digest: str, tables: Sequence[str], read: Sequence[str]) -> Page:
    """A calibration, as its file holds it. tables: all that one may have; read: what was read, in words."""
    runs = tuple((s["run"], *map(number, (s["charged"], s["allocations"], s["pages"]))) for s in found["sources"])
    sections = [
        Section("read", "What was read", tuple(read)),
        Section("runs", "Runs", tables=(Table(("run", "charged", "allocations", "pages"), runs),)),
        fits_section(found["fits"]),
        held_out_section(found["held_out"]),
        Section("left-out", "Left out", tuple(left_out_words(found, tables))),
    ]
    charged = sum(source["charged"] for source in found["sources"])
    verdict = f"Fitted to {number(charged)} charged allocations, digest {digest}."
    return Page(f"percpu-fuzz calibrate: {found['name']}", verdict, False, "", tuple(sections))


def fits_section(fits: Mapping[str, FitFigures]) -> Section:
    """A row a distribution."""
    head = ("distribution", "n", "distance", "default", "w", "G", "df", "p")
    rows = tuple(fit_row(name, fit) for name, fit in fits.items())
    return Section("fits", "Fit", (), (), (Table(head, rows),), notes=(CALIBRATED_WORDS,))


def fit_row(name: str, fit: FitFigures) -> tuple[str, ...]:
    """Cells in the order of the table's head; '-' for what is None, p below LEAST_BOUND as a bound."""
    g = "-" if fit["g"] is None else number(round(fit["g"]))
    df = "-" if fit["df"] is None else number(fit["df"])
    p = "-" if fit["p"] is None else f"< {LEAST_BOUND:g}" if fit["p"] < LEAST_BOUND else f"{fit['p']:.2g}"
    far = (decimal(fit["distance"], 3), decimal(fit["default_distance"], 3), decimal(fit["w"]))
    return (name, number(fit["n"]), *far, g, df, p)


def held_out_section(held_out: Mapping[str, Mapping[str, FitFigures]]) -> Section:
    """A row a distribution, a column a run; '-' where the run has no such distribution."""
    short = [run.partition("-")[0][:12] for run in held_out]
    names = dict.fromkeys(name for fits in held_out.values() for name in fits)
    rows = tuple(
        (name, *(decimal(fits[name]["distance"], 3) if name in fits else "-" for fits in held_out.values()))
        for name in names
    )
    head = ("held out", *(short if len(set(short)) == len(short) else held_out))
    notes = (HELD_OUT_WORDS,) if held_out else ()
    return Section("held-out", "Held out", (), (), (Table(head, rows),), notes=notes)


def left_out_words(found: Mapping[str, Any], tables: Sequence[str]) -> Iterator[str]:
    """What could not be fitted, and what not be judged, and why."""
    for words in found["left_out"]:
        name = words.partition(":")[0]
        unfitted = name in tables and name not in found["tables"]
        yield f"{'Not fitted, default weights' if unfitted else 'Left out'}: {words}."
