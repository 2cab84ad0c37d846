"""What a command could not use of its input, in words: nothing is left out in silence."""

from __future__ import annotations

from collections.abc import Mapping

from percpu_fuzz.strategies.fidelity.replay import REPLAY_LEFT_OUT
from percpu_fuzz.strategies.trace.pages.pages_in_time import PAGES_LEFT_OUT
from percpu_fuzz.strategies.trace.trace_stream import TRACE_LEFT_OUT
from percpu_fuzz.strategies.trace.tracefs import LineCounts

LEFT_OUT_WORDS = TRACE_LEFT_OUT | PAGES_LEFT_OUT | REPLAY_LEFT_OUT


def counts_words(counts: LineCounts) -> str:
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
    return [f"left out: {left_out[name]} {words}" for name, words in LEFT_OUT_WORDS.items() if left_out.get(name)]
