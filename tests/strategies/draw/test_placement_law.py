"""Three models of fallback on small machines: the sampler against enumeration, and wrong laws against the sampler.

The exam line `sampler` does the same with a million samples on ten machines.
"""

from __future__ import annotations

import pytest
from placement_law import FAILED, MACHINES, MODELS, WRONG, law_of, machine, p_value, sampled
from scipy.stats import kstest

CASES = 10_000
WORLDS = [(m, model) for m in MACHINES[3:8:2] for model in MODELS]


@pytest.fixture(scope="module")
def p_values() -> list[dict[str, float]]:
    """p of the right law and of each wrong one, for each world."""
    rows = []
    for number, (m, model) in enumerate(WORLDS):
        found = sampled(m, model, CASES, 900 + number)
        rows.append({name: p_value(found, law_of(m, model, rule)) for name, rule in {"right": None, **WRONG}.items()})
    return rows


def test_p_values_look_uniform(p_values: list[dict[str, float]]) -> None:
    """Nine worlds: KS p > 0.001; the seeds are fixed, and chosen blindly they fail once in 1,000."""
    assert kstest([row["right"] for row in p_values], "uniform").pvalue > 0.001


@pytest.mark.parametrize("name", WRONG)
def test_wrong_laws_are_rejected(p_values: list[dict[str, float]], name: str) -> None:
    """Controls: some world rejects each of them at p < 1e-6, and a wrong formula is rejected by all."""
    rejected = sum(row[name] < 1e-6 for row in p_values)
    assert rejected == len(p_values) if name != "steps equally likely" else rejected > 0


def test_a_law_by_hand() -> None:
    """One CPU, two nodes, no watermark, pages of 16 KiB: the first four sizes fill a page, the last one two.

    Precharge ceil(s * 3 / P) + 2. Under pressure a node has 0, 4, 16, 48 or 4,096 pages free, and obj_exts take 16:
    it fails if both nodes together have at most 16, which are 0 or 4 on both, or 0 and 16.
    """
    m = machine("hand", "pp", "0", "10 20,20 10", 16384)
    few, sixteen = 0.1, 0.15
    none = (2 * few) ** 2 + 2 * few * sixteen
    law = law_of(m, "runs")
    assert law == pytest.approx({(3, 1): 0.6, (5, 1): 0.2, (7, 2): 0.2})
    pressed = law_of(m, "pressed")
    assert pressed[FAILED] == pytest.approx(none)
