"""Hypothesis draws the same examples in every run, keeps none between runs, and has no clock."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.load_profile("fixed")
