"""Figures that several reports print are computed once for each campaign: they are most of the time of a report."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from percpu_fuzz.reports.campaign import Campaign

P = ParamSpec("P")
R = TypeVar("R")
CAMPAIGNS_KEPT = 2  # as many as are compared


def once(
    work: Callable[Concatenate[Campaign, P], R],
) -> Callable[Concatenate[Campaign, P], R]:
    """Remember the answers of a pure function of a campaign (the very object: its records never change).

    Nobody may change what it returns. Arguments after the campaign: strings, numbers, None, and collections of them: a
    list and a set of the same are one question.
    """
    kept: list[tuple[Campaign, dict[Any, R]]] = []

    @functools.wraps(work)
    def remembering(campaign: Campaign, /, *args: P.args, **kwargs: P.kwargs) -> R:
        answers = next((known for other, known in kept if other is campaign), None)
        if answers is None:
            answers = {}
            kept.append((campaign, answers))
            del kept[:-CAMPAIGNS_KEPT]
        key = (_frozen(args), _frozen(sorted(kwargs.items())))
        if key not in answers:
            answers[key] = work(campaign, *args, **kwargs)
        return answers[key]

    return remembering


def _frozen(value: Any) -> Any:
    """Lists within as tuples, sets as sorted ones, so that they can be looked up."""
    if isinstance(value, set | frozenset):
        return tuple(sorted(value))
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
