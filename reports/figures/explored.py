"""What an exploration completed, in words: from the stored object alone."""

from __future__ import annotations

import textwrap
from typing import Any

from percpu_fuzz.reports.numbers import plural

WIDTH = 78
STOPPED = {
    "time": "the time budget ended",
    "states": "the limit of states was reached",
    "depth": "a run is longer than the search can follow",
    "interrupted": "it was interrupted",
}


def explored_text(row: dict[str, Any]) -> str:
    """An exploration as ASCII text of at most 78 columns, ending in a newline."""
    scope = row["scope"]
    lines = [f"Scope {scope['name']}, variant {row['variant']}: {scope['words']}."]
    lines.append(machine_line(scope) + ".")
    lines.append(completed(row))
    lines.append(counted(row))
    if row["reduction"] != "none" and row["reduction"] != "sleep":
        lines.append(
            "States are told apart by 128-bit hashes; the probability that two of them shared one, so that something "
            f"was left out, is at most {row['collision_probability']:.1e} (birthday bound)."
        )
    lines += [violation_line(violation) for violation in row["violations"]]
    if not row["violations"]:
        lines.append("No invariant was broken in what was explored.")
    if row["stuck"]:
        lines.append(f"{row['stuck']} terminal states are deadlocks: somebody has work left and nobody may step.")
    return "\n".join(part for line in lines for part in textwrap.wrap(line, WIDTH)) + "\n"


def machine_line(scope: dict[str, Any]) -> str:
    """The scope's machine and number of programs, without a full stop."""
    return (
        f"Machine {scope['machine']}: {plural(scope['nodes'], 'node')}, {plural(scope['cpus'], 'possible CPU')}, "
        f"{scope['page_size']}-byte pages; {plural(scope['programs'], 'program')}"
    )


def completed(row: dict[str, Any]) -> str:
    """Whether every interleaving was covered, and if not, which part was."""
    scope = row["scope"]
    if row["complete"]:
        return "Complete: every interleaving of every program, from the first step to the end of the teardown."
    done = f"{scope['programs_complete']} of {scope['programs']} programs are complete"
    return f"NOT complete: {STOPPED[row['stopped']]}; {done}."


def counted(row: dict[str, Any]) -> str:
    """States, steps, seconds and their rate (0 where no time was measured), and the reduction."""
    probes = f" and {row['probes']} more to see which commute" if row["probes"] else ""
    rate = row["states"] / row["seconds"] if row["seconds"] else 0.0
    return (
        f"{row['states']} states, {row['terminal_states']} of them terminal; {row['transitions']} steps taken{probes}; "
        f"longest run {row['deepest']} steps; {row['seconds']:.2f} s, {rate:.0f} states a second; "
        f"reduction {row['reduction']}."
    )


def violation_line(violation: dict[str, Any]) -> str:
    """One broken invariant."""
    nearest = "no run is shorter" if violation["shortest"] else "shorter runs may exist"
    return (
        f"{violation['invariant']} is broken after {plural(violation['steps'], 'step')} ({nearest}) and on the way to "
        f"{plural(violation['terminal_states'], 'terminal state')}: {violation['finding']}"
    )


def certificate_line(row: dict[str, Any]) -> str:
    """The statement of a campaign's certificate about one scope: exhaustive search, no estimate."""
    scope = row["scope"]
    what = f"{scope['name']} ({scope['words']}; {scope['machine']}), variant {row['variant']}"
    if not row["complete"]:
        return f"Not completed: {what}; no statement."
    broken = ", ".join(violation["invariant"] for violation in row["violations"])
    verdict = f"{broken} can be broken" if broken else "no interleaving breaks an invariant"
    return (
        f"Explored completely: {what}: {verdict}, among {row['states']} states; wrong with probability at most "
        f"{row['collision_probability']:.1e} through a shared hash."
    )
