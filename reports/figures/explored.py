"""The statement of a campaign's certificate about one scope that was explored."""

from __future__ import annotations

from typing import Any


def certificate_line(row: dict[str, Any]) -> str:
    """From the stored object: exhaustive search, no estimate. KeyError or TypeError if it is none."""
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
