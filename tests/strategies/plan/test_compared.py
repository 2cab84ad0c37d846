"""The same cases on several versions: what differs between two whose only difference is known."""

from __future__ import annotations

from no_metadata import no_metadata

from percpu_fuzz.engine.variant import VARIANTS
from percpu_fuzz.strategies.plan.compared import Compared


def kinds_of(compared: Compared) -> set[str]:
    """Kinds that the first batch of each stream shows."""
    found = [compared.run(compared.batch_of(stream, 0)) for stream in ("measurement", "hunting")]
    return {kind for batch in found for kind in batch.kinds[0]}


def test_v2_exts_differs_from_v2_by_the_metadata_alone() -> None:
    """With the metadata's bytes thousands of cases differ; where obj_exts takes no room, not one of 2,000."""
    compared = Compared([VARIANTS["v2"], VARIANTS["v2-exts"]], 1)
    assert "memory.stat kernel after a drain: more" in kinds_of(compared)
    with no_metadata(compared.plan):
        assert kinds_of(compared) == set()
