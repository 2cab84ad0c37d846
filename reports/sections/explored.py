"""`percpu-fuzz explore` as a page: what was completed, from the stored object alone (docs/explore.md)."""

from __future__ import annotations

from typing import Any

from percpu_fuzz.reports.numbers import decimal, number, plural
from percpu_fuzz.reports.render.page import Page, Section, Table

CUT_BY = {
    "time": "the time budget ended",
    "states": "the limit of states was reached",
    "depth": "a run is longer than the search can follow",
    "interrupted": "it was interrupted",
}
HASHED = ("hash", "both", "shortest")  # reductions that store states
HASH_WORDS = (
    "States are told apart by 128-bit hashes; the probability that two of them shared one, so that something was left "
    "out, is at most {:.1e} (birthday bound)."
)
STUCK_WORDS = "{} terminal states are deadlocks: somebody has work left and nobody may step."


def explored_page(row: dict[str, Any]) -> Page:
    """An exploration: complete or not, what is broken, what was counted."""
    scope = row["scope"]
    broken = ", ".join(violation["invariant"] for violation in row["violations"])
    verdict = f"Broken: {broken}." if broken else "No invariant was broken in what was explored."
    return Page(
        f"percpu-fuzz explore: scope {scope['name']}, variant {row['variant']}",
        f"{completeness_words(row)} {verdict}", bool(broken or row["stuck"]), "",
        (*broken_sections(row), search_section(row)), (f"Scope {scope['name']}: {scope['words']}.",),
    )  # fmt: skip


def completeness_words(row: dict[str, Any]) -> str:
    """Whether every interleaving was covered, and if not, which part was."""
    scope = row["scope"]
    if row["complete"]:
        return "Complete: every interleaving of every program, from the first step to the end of the teardown."
    done = f"{scope['programs_complete']} of {scope['programs']} programs are complete"
    return f"NOT complete: {CUT_BY[row['stopped']]}; {done}."


def broken_sections(row: dict[str, Any]) -> list[Section]:
    """A row an invariant that can be broken; deadlocks."""
    rows = tuple(
        (found["invariant"], number(found["steps"]), number(found["terminal_states"]), found["finding"])
        for found in row["violations"]
    )
    nearest = "no run is shorter" if row["reduction"] == "shortest" else "shorter runs may exist"
    caption = f"After how many steps of the run in the finding ({nearest}), and on the way to how many terminal states"
    words = (STUCK_WORDS.format(number(row["stuck"])),) if row["stuck"] else ()
    table = Table(("", "steps", "terminal states", "finding"), rows, caption=caption, prose=3)
    return [Section("broken", "What can break", words, tables=(table,))] if rows or words else []


def search_section(row: dict[str, Any]) -> Section:
    """The machine, what was counted, how long it took (rate 0 where no time was measured)."""
    scope = row["scope"]
    machine = f"{plural(scope['nodes'], 'node')}, {plural(scope['cpus'], 'possible CPU')}"
    probes = f"; {number(row['probes'])} more to see which commute" if row["probes"] else ""
    rate = row["states"] / row["seconds"] if row["seconds"] else 0.0
    facts = (
        ("machine", f"{scope['machine']}: {machine}, {scope['page_size']}-byte pages"),
        ("programs", f"{number(scope['programs_complete'])} of {number(scope['programs'])} complete"),
        ("states", f"{number(row['states'])}; {number(row['terminal_states'])} of them terminal"),
        ("steps", f"{number(row['transitions'])} taken{probes}; longest run {number(row['deepest'])}"),
        ("seconds", f"{decimal(row['seconds'])}: {rate:,.0f} states a second"),
        ("reduction", row["reduction"]),
    )
    notes = (HASH_WORDS.format(row["collision_probability"]),) if row["reduction"] in HASHED else ()
    return Section("search", "Search", tables=(Table(("", ""), facts, 2, prose=1),), notes=notes)
