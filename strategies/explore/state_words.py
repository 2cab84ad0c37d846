"""A state as 64-bit words: which bytes are semantic, their 128-bit hash, a log that undoes a step.

The hash is the exclusive or, over all words, of a mix of the word and its position: a step changes it by what the
changed words contribute. They are found by comparing what a step at this label can write (footprints.py) with what was
there before, eight words at a time: nearly all of them are as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled, compiled_entry, compiled_instruction
from percpu_fuzz.engine.core.declare import Size, fields_of
from percpu_fuzz.strategies.draw.rng import GOLDEN, ONE, mix, to_word

BLOCK = 8  # words compared at a time
OTHER: Any = np.uint64(0xD1B54A32D192ED03)
THIRD: Any = np.uint64(0x8CB92BA72F3D8DD7)


class Space(NamedTuple):
    """words: the record, followed by zeros to a multiple of BLOCK; masks: the semantic bits in use of each of them.

    was: what each word was when it was last compared. blocks: where those BLOCK words begin that hold semantic bits in
    use; places: those of them that a step can change, label after label, first[label] to first[label + 1]. undo_index,
    undo_word: what changed since the start of the search, semantic bits, oldest first.
    """

    words: Any
    masks: Any
    was: Any
    blocks: Any
    first: Any
    places: Any
    undo_index: Any
    undo_word: Any


# Fields of State that no step reads on its way to another semantic field: logs, counts, and registers that only name
# hazards or measure. tests/strategies/explore shows it by filling them with other values.
LOGS = frozenset((
    "was_nodes", "was_cpus", "was_pages", "nr_steps", "hazard", "viol_step", "viol_task", "viol_label", "viol_want",
    "viol_found", "viol_hazards", "dirty_cpu_n", "dirty_cpu", "dirty_objcg_n", "dirty_objcg", "dirty_memcg_n",
    "dirty_memcg", "dirty_area_n", "dirty_area", "dirty_chunk_n", "dirty_chunk", "r_ops", "r_from", "probe_done",
    "probe_precharge", "probe_used", "probe_bytes", "probe_area_bytes", "probe_misplaced", "op_precharge",
    "op_used", "in_flight", "in_flight_max", "waste_pages", "nr_charged", "nr_refunded", "nr_charge_fail", "nr_alloc",
    "nr_free", "nr_illegal", "alloc_ops", "free_ops", "stirred", "x_first", "x_want", "x_found",
))  # fmt: skip
# Counts of attempts, read only where the program makes some of them fail.
ATTEMPTS = {
    "nr_populates": ("fail_populate", "fail_node"), "nr_creates": ("fail_create",), "nr_trylocks": ("fail_trylock",),
    "nr_charges": ("fail_charge",), "nr_searches": ("fail_space",),
}  # fmt: skip


OWN_FIELDS = frozenset(("own_task", "own_cpu", "own_memcg", "own_objcg", "own_area", "own_page", "own_count"))


def logs_of(prog: Any, own: bool = False) -> frozenset[str]:
    """The fields that are not state in this program. own: of a variant whose own steps may use the spare words."""
    return (LOGS if own else LOGS | OWN_FIELDS) | {
        count for count, tables in ATTEMPTS.items() if not any(np.any(prog[table]) for table in tables)
    }


def word_masks(record_class: type, dtype: np.dtype[np.void], used: Size, logs: frozenset[str]) -> Any:
    """One uint64 a word of the record, set where a semantic byte in use stands. used: rows in use by dimension."""
    blank = np.zeros(1, dtype=dtype)
    for name, field in fields_of(record_class).items():
        if name in logs:
            continue
        if not field.dims:
            blank[name] = -1
            continue
        rows = tuple(slice(0, used.get(dim)) for dim in field.dims)
        blank[name][(0, *rows)] = -1
    padded = np.zeros((dtype.itemsize + 7) // 8 * 8, dtype=np.uint8)
    padded[: dtype.itemsize] = blank.view(np.uint8)
    return padded.view(np.uint64)


def rows_in_use(topo: Any, prog: Any, size: Size) -> Size:
    """How many rows of each dimension this machine and program can reach; dimensions left out are used whole."""
    nr_tasks, nr_nodes, nr_act = int(prog["nr_tasks"]), int(topo["nr_nodes"]), int(topo["nr_act"])
    memcgs = min(size["memcgs"], max(int(prog["nr_memcgs"]), int(prog["op_memcg"].max()) + 1))
    allocs = int(np.count_nonzero(prog["op_bytes"] > 0))
    return {
        "nodes": nr_nodes,
        "cpus": int(topo["nr_cpus"]),
        "map_cpus": min(size["map_cpus"], int(topo["nr_cpus"])),
        "act": nr_act,
        "tasks": nr_tasks + nr_act + 3,
        "memcgs": memcgs,
        "objcgs": memcgs * nr_nodes,
        "areas": min(size["areas"], allocs + 1),
        "slots": min(size["slots"], int(prog["op_slot"].max()) + 1),
        "pages": int(topo["unit_pages"]),
        "ext_pages": int(topo["unit_pages"]) * int(topo["ext_size"]) // 4,
    }


def blocks_of(masks: Any) -> Any:
    """Where the blocks begin that hold a bit of the masks, uint64."""
    return np.unique(np.nonzero(masks)[0] // BLOCK).astype(np.uint64) * np.uint64(BLOCK)


def places_of(masks: Any, dtype: np.dtype[np.void], fields_by_label: Sequence[frozenset[str]]) -> tuple[Any, Any]:
    """Space.first and Space.places: the blocks of those words in use that hold a field which a label's step writes."""
    blocks: dict[frozenset[str], Any] = {}
    for names in fields_by_label:
        if names not in blocks:
            written = np.zeros(len(masks) * 8, np.uint8)
            for name in names:
                kind, offset = dtype.fields[name][:2]  # type: ignore[index]
                written[offset : offset + kind.itemsize] = 255
            blocks[names] = blocks_of(written.view(np.uint64) & masks)
    found = [blocks[names] for names in fields_by_label]
    return np.cumsum([0, *map(len, found)]).astype(np.int64), np.concatenate(found)


@compiled
def contribution_high(i: int, word: Any) -> Any:
    """What the word at position i puts into the high half of the hash, uint64."""
    return mix(word + to_word(i + 1) * GOLDEN)


@compiled
def contribution_low(i: int, word: Any) -> Any:
    """What the word at position i puts into the low half, mixed in another way."""
    return mix(mix(word ^ THIRD) + to_word(i + 1) * OTHER)


@compiled_entry
def hash_words(words: Any, halves: Any) -> None:
    """XOR the contributions of all words into halves[0], the high one, and halves[1]."""
    for i in range(len(words)):
        halves[0] ^= contribution_high(i, words[i])
        halves[1] ^= contribution_low(i, words[i])


@compiled_instruction
def differing(words: Any, was: Any, at: Any) -> Any:
    """Which of the BLOCK words from place `at` on differ, as bits."""
    found = 0
    for j in range(BLOCK):
        found |= (1 if words[at + j] != was[at + j] else 0) << j
    return found


@compiled
def note_changes(sr: Any, space: Space, label: int) -> None:
    """Compare what a step at `label` can change with what it was, log what changed, and bring the hash up to date."""
    words, masks, was, places = space.words, space.masks, space.was, space.places
    n, high, low = sr.nr_undo, sr.high, sr.low
    for b in range(space.first[label], space.first[label + 1]):
        i = places[b]
        found = differing(words, was, i)
        while found != 0:
            if found & 1:
                old, word = was[i] & masks[i], words[i] & masks[i]
                was[i] = words[i]
                if word != old:
                    high ^= contribution_high(i, old) ^ contribution_high(i, word)
                    low ^= contribution_low(i, old) ^ contribution_low(i, word)
                    space.undo_index[n] = i
                    space.undo_word[n] = old
                    n += 1
            found >>= 1
            i += ONE
    sr.nr_undo = n
    sr.high = high
    sr.low = low


@compiled
def undo_to(sr: Any, space: Space, mark: int, high: Any, low: Any) -> None:
    """Take back everything that was logged since `mark`; logs and counts of the record stay as they are."""
    words, masks, was = space.words, space.masks, space.was
    for k in range(sr.nr_undo - 1, mark - 1, -1):
        i = space.undo_index[k]
        words[i] = (words[i] & ~masks[i]) | space.undo_word[k]
        was[i] = words[i]
    sr.nr_undo = mark
    sr.high = high
    sr.low = low


@compiled
def load_row(sr: Any, space: Space, row: Any, high: Any, low: Any) -> None:
    """Make the state what a saved row (keep_row) says."""
    words, masks, was, blocks = space.words, space.masks, space.was, space.blocks
    for b in range(len(blocks)):
        for j in range(BLOCK):
            i, word = blocks[b] + to_word(j), row[b * BLOCK + j]
            if was[i] & masks[i] != word:
                words[i] = (words[i] & ~masks[i]) | word
                was[i] = words[i]
    sr.nr_undo = 0
    sr.high = high
    sr.low = low


@compiled
def save_row(space: Space, row: Any) -> None:
    """Write the semantic bits of the blocks in use into `row`, as load_row takes them."""
    masks, was, blocks = space.masks, space.was, space.blocks
    for b in range(len(blocks)):
        for j in range(BLOCK):
            i = blocks[b] + to_word(j)
            row[b * BLOCK + j] = was[i] & masks[i]


@compiled_entry
def save_row_alone(space: Space, row: Any) -> None:
    """`save_row`, for callers that are not compiled."""
    save_row(space, row)
