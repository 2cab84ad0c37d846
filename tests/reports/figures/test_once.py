"""Figures that are computed once for each campaign are still those of that campaign and of what was asked."""

from __future__ import annotations

from dataclasses import replace

from percpu_fuzz.reports.campaign import Campaign
from percpu_fuzz.reports.figures.once import CAMPAIGNS_KEPT, once
from tests.reports.conftest import made_campaign as campaign


def test_each_campaign_and_question_is_worked_out_once() -> None:
    """Equal campaigns that are not the same object are different ones; lists and sets are arguments like others."""
    asked: list[tuple[str, object]] = []

    @once
    def figure(of: Campaign, names: object = None) -> str:
        asked.append((of.variant, names))
        return f"{of.variant} {names}"

    one = campaign()
    other = replace(one)
    for _ in range(3):
        assert figure(one) == f"{one.variant} None"
        assert figure(one, ["a", "b"]) == f"{one.variant} ['a', 'b']"
        assert figure(other, {"b"}) == f"{one.variant} {{'b'}}"
    assert asked == [(one.variant, None), (one.variant, ["a", "b"]), (one.variant, {"b"})]


def test_no_more_campaigns_are_kept_than_are_compared() -> None:
    """A third campaign pushes the first one out, which is then worked out anew."""
    worked: list[int] = []

    @once
    def figure(of: Campaign) -> int:
        worked.append(id(of))
        return id(of)

    many = [replace(campaign()) for _ in range(CAMPAIGNS_KEPT + 1)]
    assert [figure(one) for one in many] == [id(one) for one in many]
    assert figure(many[-1]) == id(many[-1])
    assert len(worked) == CAMPAIGNS_KEPT + 1
    assert figure(many[0]) == id(many[0])
    assert len(worked) == CAMPAIGNS_KEPT + 2
