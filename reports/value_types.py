"""Types of what figures hold, with the bounds that docs/report.schema.json states of them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from percpu_fuzz.engine.core.evidence import INVARIANT_NAMES
from percpu_fuzz.engine.outcome import STREAMS

Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Counts = Annotated[dict[int, Count], Meta(extra_json_schema={"propertyNames": {"pattern": "^-?[0-9]+$"}})]
InvariantName = Annotated[str, Meta(extra_json_schema={"enum": list(INVARIANT_NAMES)})]
EACH_STREAM = Meta(extra_json_schema={"propertyNames": {"enum": list(STREAMS)}, "required": list(STREAMS)})
Stream = Annotated[str, Meta(extra_json_schema={"enum": list(STREAMS)})]
