"""What a report is a report of: the model, the series it is read against, and the version and day of this campaign."""

from __future__ import annotations

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.identity import model_words


def identity_words(campaign: Campaign) -> tuple[str, ...]:
    """One string for the model; one for the tool's version, the day and the user's own files."""
    version = f"percpu-fuzz {campaign.version or 'of an unknown version'}"
    code = f"code {campaign.describe.get('code', 'not recorded')}"
    words = ", ".join(filter(None, (version, code, campaign.began)))
    own = "".join(f"; {text}: sha256 {digest[:16]}" for text, digest in campaign.own_files.items())
    return model_words(campaign.variant), f"{words}{own}."
