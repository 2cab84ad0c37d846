"""`percpu-fuzz diff`."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from percpu_fuzz.engine.core.compiled import code_version
from percpu_fuzz.engine.errors import InputError
from percpu_fuzz.engine.variant import Variant
from percpu_fuzz.fuzz import options as opt
from percpu_fuzz.fuzz.campaign.different import by_importance, search, shown_differences
from percpu_fuzz.fuzz.campaign.own_engine import COMPARISON, compiling_told
from percpu_fuzz.fuzz.commands.shared import compile_option, compiled_or_not, format_option, json_flag
from percpu_fuzz.fuzz.files import json_text, utf8, write_json, write_whole
from percpu_fuzz.fuzz.findings.provenance import package_version
from percpu_fuzz.fuzz.interrupts import Interrupts
from percpu_fuzz.fuzz.output.folder import new_folder
from percpu_fuzz.fuzz.output.streams import say_on_stderr
from percpu_fuzz.fuzz.progress import working
from percpu_fuzz.reports.render.html import page_html
from percpu_fuzz.reports.render.markdown import page_markdown
from percpu_fuzz.reports.render.text import page_text
from percpu_fuzz.reports.sections.brief.diff_mail import diff_mail
from percpu_fuzz.reports.sections.diff import diff_page
from percpu_fuzz.strategies.plan.compared import Compared

DIFF_FILES = ("diff.txt", "diff.json")
CASES_MOST = 10**9
VARIANTS_MOST = 12
SHOWN_MOST = 3  # kinds of each variant that are printed side by side; diff.txt has all
DIFF_RENDERERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "text": lambda row: page_text(diff_page(row, SHOWN_MOST)),
    "html": lambda row: page_html(diff_page(row)),
    "md": lambda row: page_markdown(diff_page(row)),
    "json": json_text,
    "mail": diff_mail,
}


@click.command()
@click.argument("base")
@click.argument("variants", nargs=-1, required=True)
@click.option("--time", "seconds", help="Budget in seconds. [default: 60, if there is no --cases]")
@click.option("--cases", help="Compare so many cases, in whole batches.")
@click.option("--seed", default="1", show_default=True, help="Whole number or commit hash.")
@click.option("--workers", help="Worker processes. [default: one for each usable CPU]")
@click.option("--out", help="Folder for diff.txt, diff.md, diff.json and a test file of each difference.")
@format_option("What is printed: text, html, md, json, or mail: 40 lines for a list.")
@compile_option
@json_flag
def diff_command(
    base: str, variants: tuple[str, ...], seconds: str | None, cases: str | None, seed: str, workers: str | None,
    out: str | None, form: str, compiles: str, as_json: bool,
) -> int:  # fmt: skip
    """Run the same cases on BASE and on each VARIANT and tell what a user would notice; 1 if anything differs."""
    render = DIFF_RENDERERS[opt.choice_option(form, "--format", tuple(DIFF_RENDERERS))]
    chosen = [compiled_or_not(opt.variant_option(name), compiles) for name in (base, *variants)]
    if len({variant.name for variant in chosen}) != len(chosen) or len(chosen) > VARIANTS_MOST:
        raise InputError("diff", " ".join((base, *variants)), f"2 to {VARIANTS_MOST} different variants")
    budget = None if seconds is None and cases is not None else opt.seconds_option(seconds or "60")
    most = opt.number_option(cases, "--cases", 1, CASES_MOST)
    number, processes = opt.seed_option(seed), opt.workers_option(workers)
    folder = opt.path_option(folder_of(chosen) if out is None else out, "--out")
    compared = Compared(chosen, number)
    interrupts = Interrupts()
    start = time.perf_counter()
    with interrupts.caught(), new_folder(folder, "--out", DIFF_FILES):
        with (
            interrupts.left_at_once(),
            working("loading the engine, or compiling it, once for this code"),
            contextlib.ExitStack() as told,
        ):
            classes = len({family.size_class for family in compared.plan.families})
            for variant in chosen:
                told.enter_context(compiling_told(variant, say_on_stderr, COMPARISON, classes))
            compared.warm()
        say_on_stderr(f"compiled or loaded in {time.perf_counter() - start:.1f} s, output in {folder}")
        row = compared_row(compared, processes, most, budget, number, interrupts)
        exit_status = write_row(row, folder)
    print(render(row), end="")
    (print if form == "text" else say_on_stderr)(f"stored in {folder}")
    if as_json:
        print(json.dumps(row, sort_keys=True))
    return exit_status


def folder_of(variants: Sequence[Variant]) -> str:
    """Where the output goes if nobody says."""
    names = "-".join(re.sub(r"[^A-Za-z0-9_.+-]+", "-", variant.name) for variant in variants)
    return f"out/{time.strftime('%Y%m%dT%H%M%S')}-diff-{names[:60]}"


def compared_row(
    compared: Compared, workers: int, cases: int | None, budget: float | None, seed: int, interrupts: Interrupts
) -> dict[str, Any]:
    """Everything that the page and the files say, as data fit for JSON."""
    start = time.monotonic()
    found = search(compared, workers, cases, budget, interrupts)
    until = None if budget is None else start + budget
    shown = shown_differences(compared, found, workers, interrupts.or_at(until))
    names = [variant.name for variant in compared.variants]
    weights = compared.plan.weights
    return {
        "schema": 1, "code": code_version(), "version": package_version(),
        "base": names[0], "variants": names[1:], "seed": seed, "cases": found.all_cases,
        "measured": found.cases, "weights": weights, "hunted": found.hunted, "interrupted": interrupts.seen,
        "seconds": round(time.monotonic() - start, 1),
        "differences": [
            {
                "variant": names[j + 1], "kind": kind, "measured": kinds[kind].measured, "hunted": kinds[kind].hunted,
                "first": list(kinds[kind].first), "shown": shown[j].get(kind),
            }
            for j, kinds in enumerate(found.kinds)
            for kind in by_importance(kinds)
        ],
    }  # fmt: skip


def write_row(row: dict[str, Any], folder: Path) -> int:
    """The page, the row and the tests into the folder; the exit status."""
    for difference in row["differences"]:
        shown = difference["shown"]
        test = shown.pop("test") if shown is not None else None
        difference["file"] = None
        if test is not None:
            difference["file"] = f"tests/{test[0]}"
            (folder / "tests").mkdir(parents=True, exist_ok=True)
            name, text, beside = test
            for file, source in {name: text, **beside}.items():
                write_whole(folder / "tests" / file, utf8(source))
    row["exit"] = int(bool(row["differences"]))
    write_json(folder / "diff.json", row)
    page = diff_page(row)
    write_whole(folder / "diff.txt", utf8(page_text(page)))
    write_whole(folder / "diff.md", utf8(page_markdown(page)))
    return int(row["exit"])
