"""The hazards in plain words: interleavings and situations that a campaign should have passed (kernel.md 4.2)."""

from __future__ import annotations

HAZARD_WORDS: dict[str, str] = {
    "H1": "offline between the two loads of a node's objcg",
    "H2": "sibling lookup while an offline is half done",
    "H3": "reparenting between a node's two lookups",
    "H4": "an area outlives its cgroup",
    "H5": "a sibling objcg released, its areas live",
    "H6": "a node of an offline cgroup is reparented",
    "H7": "migration between precharge and refund",
    "H8": "an interrupt finds a stock lock held",
    "H9": "a full drain between precharge and post hook",
    "H10": "slots change owner before queued drain work",
    "H11": "a charge finds the drain mutex held",
    "H12": "a drain leaves an isolated CPU out",
    "H13": "the allocation fails after its precharge",
    "H14": "the area lands in the first chunk",
    "H15": "the task moves while it holds a borrowed objcg",
    "H16": "charged to an active cgroup, not the task's own",
    "H17": "freed in interrupt or callback, other node",
    "H18": "a CPU with filled stocks goes away",
    "H19": "memory.max changes, or a charge overshoots it",
    "H20": "pages populated or given up near a live area",
    "H21": "a second node comes online before the free",
    "H22": "a stock slot is evicted inside one post hook",
    "H23": "the last reference is dropped inside a drain",
    "H24": "two CPUs refill the same objcg",
    "H25": "bytes are added to an objcg as it is released",
}
