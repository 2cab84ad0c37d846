"""What a command could not use of its input, in words: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.strategies.fidelity.replay import LEFT_OUT as OF_REPLAY
from percpu_fuzz.strategies.trace.one_pass import LEFT_OUT as OF_EVENTS
from percpu_fuzz.strategies.trace.pages.pages_in_time import LEFT_OUT as OF_PAGES
from percpu_fuzz.strategies.trace.tracefs import Counts

WORDS = OF_EVENTS | OF_PAGES | OF_REPLAY


def counts_words(counts: Counts) -> str:
    """What was read, and what was not understood."""
    words = [f"{counts.events} events in {counts.lines} lines"]
    if counts.unparsed:
        words.append(f"{counts.unparsed} lines not understood")
    if counts.lost_gaps:
        words.append(f"{counts.lost_events or 'an unknown number of'} events lost in {counts.lost_gaps} gaps")
    if counts.truncated:
        words.append("the last line is cut off")
    return ", ".join(words)


def left_out_lines(left_out: Mapping[str, int]) -> list[str]:
    """A line for each kind of which there is any."""
    return [f"  left out: {left_out[name]} {words}" for name, words in WORDS.items() if left_out.get(name)]
