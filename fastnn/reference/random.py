"""Philox4x32-10 in NumPy: csrc/random.h, bit for bit.

A random word is a function of the seed and of a counter of four 32-bit words that says where it is
used; the layouts of the counters stand in csrc/random.h.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fastnn.reference.contract import Attrs, Run

Words = NDArray[np.uint64]  # 32-bit words, in 64 bits for their products

_LOW = 0xFFFFFFFF  # the low 32 bits

# Second words of counters; an op that draws has its stream there.
_UNIFORM = 0xFFFFFFFE
_PERMUTATION = 0xFFFFFFFF


def philox(seed: int, *counter: Words | int) -> Words:
    """The four words, on a new last axis, that each counter of four words gives under the seed."""
    a, b, c, d = np.broadcast_arrays(*(np.asarray(word, np.uint64) for word in counter))
    for i in range(10):
        key_0 = np.uint64((seed + i * 0x9E3779B9) & _LOW)
        key_1 = np.uint64(((seed >> 32) + i * 0xBB67AE85) & _LOW)
        p, q = np.uint64(0xD2511F53) * a, np.uint64(0xCD9E8D57) * c
        a, b, c, d = _high(q) ^ b ^ key_0, _low(q), _high(p) ^ d ^ key_1, _low(p)
    return np.stack([a, b, c, d], axis=-1)


def _low(a: Words) -> Words:
    return a & np.uint64(_LOW)


def _high(a: Words) -> Words:
    return a >> np.uint64(32)


def dropout_keep(
    seed: int, epoch: int, samples: NDArray[np.int64], stream: int, n: int, rate: float
) -> NDArray[np.bool_]:
    """keep[r,n]: whether unit n of row samples[r] of the data is kept: its word >= rate 2^32.

    Words come in fours: word n % 4 of counter n // 4 is the unit's own.
    """
    words = sample_words(seed, epoch, samples, stream, (n + 3) // 4)
    return words[:, :n] >= math.ceil(rate * 2**32)


def normals(
    seed: int, epoch: int, samples: NDArray[np.int64], stream: int, n: int, dtype: np.dtype
) -> NDArray[np.float64]:
    """z[r,n]: normal random numbers of n units of row samples[r] (Box and Muller, 1958).

    Of the 32 words that decide 32 units, the first 16 give radii, the others angles, both rounded
    to ``dtype`` first; a pair of them gives a unit of the first half and one of the second.
    """
    words = sample_words(seed, epoch, samples, stream, 8 * -(-n // 32))
    radius, turn = words.reshape(len(samples), -1, 2, 16).transpose(2, 0, 1, 3)
    share = ((radius + 0.5) * 2.0**-32).astype(dtype).astype(np.float64)
    rest = (turn & np.uint64(0x3FFFFFFF)).astype(np.float64) - 2.0**29
    angle = (rest * (math.pi / 2**31)).astype(dtype) + (turn >> np.uint64(30)) * (math.pi / 2)
    pairs = np.sqrt(-2 * np.log(share)) * np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray(pairs.transpose(1, 2, 0, 3).reshape(len(samples), -1)[:, :n])


def sample_words(
    seed: int, epoch: int, samples: NDArray[np.int64], stream: int, blocks: int
) -> Words:
    """words[r,4 blocks]: the words of an op's first counters for row samples[r] of the data."""
    sample = samples.astype(np.uint64)[:, None]
    block = np.arange(blocks, dtype=np.uint64)
    last = np.uint64(epoch << 8 & _LOW) | (_high(sample) & np.uint64(0xFF))
    words = philox(seed, block, stream, _low(sample), last)
    return words.reshape(len(samples), 4 * blocks)


def uniform(seed: int, stream: int, n: int) -> NDArray[np.float64]:
    """n doubles in [0, 1), multiples of 2^-53; two of each counter."""
    block = np.arange((n + 1) // 2, dtype=np.uint64)
    words = philox(seed, block, _UNIFORM, stream & _LOW, stream >> 32 & _LOW)
    low, high = words.reshape(-1, 2)[:n].T
    bits: Words = (high << np.uint64(32) | low) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def permutation(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """Fisher-Yates: for i = n-1, ..., 1 order[i] and order[j] change places, j uniform in 0..i."""
    order, words = list(range(n)), _sequence(seed, epoch)
    for i in range(n - 1, 0, -1):
        j = _below(words, i + 1)
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64)


def _sequence(seed: int, epoch: int) -> Iterator[int]:
    """The words of the permutation's counters 0, 1, 2, ..., made 256 counters at a time."""
    for first in itertools.count(0, 256):
        block = np.arange(first, first + 256, dtype=np.uint64)
        words = philox(seed, _low(block), _PERMUTATION, _high(block), epoch & _LOW)
        yield from words.ravel().tolist()


def _below(words: Iterator[int], bound: int) -> int:
    """Uniform in 0..bound-1: the high half of word * bound, less the words that would bias it."""
    products = (word * bound for word in words)
    return next(p for p in products if p & _LOW >= 2**32 % bound) >> 32


def seed_of(run: Run, attrs: Attrs) -> int:
    """The run's seed for 0, the op's own seed s for s + 1"""
    own = int(attrs.get("seed", 0))
    return own - 1 if own else run.seed
