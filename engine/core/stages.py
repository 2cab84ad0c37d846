"""What the numbers in objcg_state, memcg_state, chunk_state and rcu_kind mean: kinds, and stages of a life in order."""

from __future__ import annotations

# Life of an objcg (or of a group that shares one count) and of a memcg.
ABSENT, LIVE, DYING, ATOMIC, RELEASED, FREED = range(6)
MEMCG_ABSENT, MEMCG_ONLINE, MEMCG_DYING, MEMCG_OFFLINING, MEMCG_OFFLINE, MEMCG_FREED = range(6)
CHUNK_UNUSED, CHUNK_FIRST, CHUNK_RESERVED, CHUNK_DYNAMIC = range(4)
RCU_KILL, RCU_FREE, RCU_CSS = range(3)  # what a callback in the RCU queue does
