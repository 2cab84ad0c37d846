"""The hazards in plain words: interleavings and situations that a campaign should have passed (kernel.md 4.2)."""

from __future__ import annotations

WORDS: dict[str, str] = {
    "H1": "cgroup goes offline between the two loads of a node's objcg",
    "H2": "a hook looks up siblings while only some nodes are reparented",
    "H3": "reparenting between the two lookups of one node in the post hook",
    "H4": "an area outlives its cgroup",
    "H5": "a sibling objcg released while its areas are live",
    "H6": "a cgroup goes offline: precharge stays there, accounting moves to its parent",
    "H7": "the task migrates between precharge and refund",
    "H8": "an interrupt finds a stock lock held",
    "H9": "all stocks are drained between precharge and post hook",
    "H10": "slots change owner before queued drain work runs",
    "H11": "charging finds the drain mutex held",
    "H12": "an isolated CPU's stock is left out of a drain",
    "H13": "the allocation fails after its precharge",
    "H14": "the area lands in the first chunk",
    "H15": "a borrowed objcg is held across a sleep or a move",
    "H16": "the charge goes to an active cgroup, not the task's own",
    "H17": "a free from interrupt, callback or worker on another node",
    "H18": "a CPU with filled stocks goes away",
    "H19": "memory.max changes, or a parallel charge overshoots it",
    "H20": "pages are populated or depopulated between alloc and free",
    "H21": "a second node comes online between alloc and free",
    "H22": "a stock slot is evicted inside one post hook",
    "H23": "the last reference is dropped inside a drain",
    "H24": "two CPUs refill the same objcg",
    "H25": "bytes are added to an objcg as it is released",
}
