"""The one generator: xoshiro256++ in a record of its own, seeded by hashing, the same compiled and plain.

Draws are integers only, so machines agree. Every constant is a typed 64-bit integer; plain mode masks.
Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021; seeding by splitmix64 as they advise.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from percpu_fuzz.engine.core.compiled import compiled
from percpu_fuzz.engine.core.declare import dtype_of, u64
from percpu_fuzz.engine.core.records import Record

MASK: Any = np.uint64(0xFFFFFFFFFFFFFFFF)
GOLDEN: Any = np.uint64(0x9E3779B97F4A7C15)
MIX_A: Any = np.uint64(0xBF58476D1CE4E5B9)
MIX_B: Any = np.uint64(0x94D049BB133111EB)
ZERO: Any = np.uint64(0)
ONE: Any = np.uint64(1)
S17: Any = np.uint64(17)
S19: Any = np.uint64(19)
S23: Any = np.uint64(23)
S27: Any = np.uint64(27)
S30: Any = np.uint64(30)
S31: Any = np.uint64(31)
S32: Any = np.uint64(32)
S41: Any = np.uint64(41)
S45: Any = np.uint64(45)
to_int: Any = np.int64  # a typed signed integer in compiled code, int in plain mode
to_word: Any = np.uint64
LOW32: Any = np.uint64(0xFFFFFFFF)


class Rng:
    """Four words of state."""

    s0: int = u64()
    s1: int = u64()
    s2: int = u64()
    s3: int = u64()


def new_rng() -> Record:
    """An array of one generator, all zeros, of which nothing but zeros comes: seed_rng goes before the first draw."""
    return np.zeros(1, dtype=dtype_of(Rng, {}))


def key_of(*parts: object) -> int:
    """A 64-bit key from named parts, by SHA-256: the same on every machine."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


@compiled
def mix(z: Any) -> Any:
    """The last step of splitmix64: uint64 to uint64, one to one; 0 stays 0."""
    z = ((z ^ (z >> S30)) * MIX_A) & MASK
    z = ((z ^ (z >> S27)) * MIX_B) & MASK
    return z ^ (z >> S31)


@compiled
def seed_rng(rng: Rng, key: Any, number: Any) -> None:
    """Seed from a 64-bit key and a number (both uint64): each case of a batch has a generator of its own."""
    base = mix((key + (number * GOLDEN & MASK)) & MASK)
    rng.s0 = mix((base + GOLDEN) & MASK)
    rng.s1 = mix((rng.s0 + GOLDEN) & MASK)
    rng.s2 = mix((rng.s1 + GOLDEN) & MASK)
    rng.s3 = mix((rng.s2 + GOLDEN) & MASK)


@compiled
def next_word(rng: Rng) -> Any:
    """The next 64 bits."""
    s0, s1, s2, s3 = rng.s0, rng.s1, rng.s2, rng.s3
    total = (s0 + s3) & MASK
    result = ((((total << S23) & MASK) | (total >> S41)) + s0) & MASK
    t = (s1 << S17) & MASK
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    rng.s0, rng.s1, rng.s2 = s0, s1, s2
    rng.s3 = ((s3 << S45) & MASK) | (s3 >> S19)
    return result


@compiled
def below_n(rng: Rng, n: int) -> Any:
    """An integer in 0..n-1; its bias is below n / 2^32."""
    word = next_word(rng) >> S32
    return to_int((word * to_word(n)) >> S32)
