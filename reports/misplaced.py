"""Attribution error: probes of which the walk booked bytes on another node than the one they lie on."""

from __future__ import annotations

from reports.campaign import Campaign
from reports.estimates import measured, shares


def misplaced_strata(campaign: Campaign) -> list[tuple[float, int, int, int]]:
    """(share, cases, probes with bytes on another node, probes without), a row a family."""
    rows = []
    for name, share in shares(campaign).items():
        found = measured(campaign, name).histogram("misplaced_bytes")
        rows.append((share, measured(campaign, name).cases, sum(found.values()) - found.get(0, 0), found.get(0, 0)))
    return rows
