"""Resampling with replacement as counts: one 64-bit key a call, one generator state a replicate.

A routine that resamples draws its key once with `replicate_key(rng)`. Replicate `b` then has its
own xoshiro256++ state, made by splitmix64 from `(key, b)` alone, so that no result depends on how
many threads ran or in which order. A replicate is a vector of counts, how often each row was
drawn, over rows that the caller has sorted once; nothing is sorted or copied again.
Where a procedure needs the rows themselves, ``np.repeat(np.arange(n), counts)`` gives them.

Where drawing is all the work, as for the AUC, `random_rows` draws by the block instead, from the
splitmix64 sequence that starts at `(key, b)`: each word of it follows from its number alone.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from extval.stats._jit import F, kernel

_config: Any = numba.config

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_TWO_32 = np.uint64(0x100000000)
_17, _19, _23, _27, _30, _31, _32, _41, _45 = map(np.uint64, (17, 19, 23, 27, 30, 31, 32, 41, 45))

# Up to so many rows, 16 random bits a draw are enough: at most one draw in four is drawn again.
_NARROW = 2**14
WORDS_AT_ONCE = 256

State = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


def replicate_key(rng: np.random.Generator) -> np.uint64:
    """Return the 64-bit key of one resampling call, the only value drawn from `rng`."""
    return np.uint64(rng.integers(np.iinfo(np.uint64).max, dtype=np.uint64, endpoint=True))


def _modular(func: F) -> F:
    """Let unsigned sums wrap without a warning where kernels run uncompiled."""
    return np.errstate(over="ignore")(func) if _config.DISABLE_JIT else func


@_modular
@kernel
def mix(word: np.uint64) -> np.uint64:
    """Return the splitmix64 output for one 64-bit word; a bijection."""
    z = word + _GAMMA
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return np.uint64(z ^ (z >> _31))


@_modular
@kernel
def first_state(key: np.uint64, b: int) -> State:
    """Return the xoshiro256++ state of replicate `b`, `b >= 0`, under `key`."""
    start = mix(mix(np.uint64(key)) ^ np.uint64(b))
    second = start + _GAMMA
    third = second + _GAMMA
    return mix(start), mix(second), mix(third), mix(third + _GAMMA)


@_modular
@kernel
def next_word(
    s0: np.uint64, s1: np.uint64, s2: np.uint64, s3: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]:
    """Return one xoshiro256++ output followed by the next state."""
    total = s0 + s3
    word = ((total << _23) | (total >> _41)) + s0
    shifted = s1 << _17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << _45) | (s3 >> _19)
    return word, s0, s1, s2, s3


@_modular
@kernel
def draw_counts(state: State, counts: NDArray[Any]) -> State:
    """Fill `counts`, shape (n,), with n draws from n rows; return the state after them.

    Each half of a 64-bit word gives one index by Lemire's multiply-and-reject, so that every row
    is equally likely, exactly (n < 2**32). doi:10.1145/3230636
    """
    s0, s1, s2, s3 = state
    n = np.uint64(counts.size)
    counts[:] = 0
    if counts.size > 0:
        floor = (_TWO_32 - n) % n
        wanted = counts.size
        drawn = 0
        while drawn < wanted:
            word, s0, s1, s2, s3 = next_word(s0, s1, s2, s3)
            product = (word >> _32) * n
            if (product & _LOW_HALF) >= floor:
                counts[product >> _32] += 1
                drawn += 1
            product = (word & _LOW_HALF) * n
            if drawn < wanted and (product & _LOW_HALF) >= floor:
                counts[product >> _32] += 1
                drawn += 1
    return s0, s1, s2, s3


@_modular
@kernel
def resample_counts(key: np.uint64, b: int, counts_out: NDArray[Any]) -> None:
    """Write how often replicate `b` draws each of n rows into `counts_out`, integers, shape (n,).

    The counts sum to n.
    """
    draw_counts(first_state(key, b), counts_out)


@_modular
@kernel
def resample_counts_strata(
    key: np.uint64, b: int, offsets: NDArray[np.int64], counts_out: NDArray[Any]
) -> None:
    """Write the counts of replicate `b` resampled within each of k strata.

    Stratum j is the rows ``offsets[j]`` up to ``offsets[j + 1]`` of `counts_out`, shape (n,), with
    `offsets` of shape (k + 1,), so the rows lie stratum by stratum; the counts of a stratum sum
    to its size.
    """
    state = first_state(key, b)
    for j in range(offsets.size - 1):
        state = draw_counts(state, counts_out[offsets[j] : offsets[j + 1]])


@_modular
@kernel
def first_counter(key: np.uint64, b: int) -> np.uint64:
    """Return the counter of replicate `b`, `b >= 0`, under `key`, for `random_rows`."""
    return mix(mix(np.uint64(key)) ^ np.uint64(b))


@_modular
@kernel
def fill_words(counter: np.uint64, words: NDArray[np.uint64], size: int) -> np.uint64:
    """Write the splitmix64 sequence after `counter`; return the counter after `size` words."""
    for i in range(size):
        counter += _GAMMA
        z = (counter ^ (counter >> _30)) * _MIX_1
        z = (z ^ (z >> _27)) * _MIX_2
        words[i] = z ^ (z >> _31)
    return counter


@_modular
@kernel
def random_rows(
    counter: np.uint64, n: int, words: NDArray[np.uint64], rows: NDArray[Any], size: int
) -> tuple[np.uint64, np.int64]:
    """Fill `rows` with `size` draws from n rows; return the next counter and how many to repeat.

    A draw that Lemire's method rejects is row 0 here: whoever calls takes that many from row 0 and
    draws them again. So no draw waits for another, and the processor makes several at once.
    `rows` is a view of `words` as numbers of 16 or 32 bits; each draw starts from one of them.
    """
    kept = np.uint16(0)
    if rows.itemsize == 2:
        counter = fill_words(counter, words, (size + 3) >> 2)
        n_16, floor_16 = np.uint32(np.uint16(n)), np.uint16((65536 - n) % n)
        for i in range(size):
            product = np.uint32(np.uint32(rows[i]) * n_16)
            taken = np.uint16(product) >= floor_16
            rows[i] = np.uint16(product >> np.uint32(16)) if taken else np.uint16(0)
            kept = np.uint16(kept + np.uint16(taken))
    else:
        counter = fill_words(counter, words, (size + 1) >> 1)
        n_32, floor_32 = np.uint64(np.uint32(n)), np.uint32((4294967296 - n) % n)
        for i in range(size):
            long_product = np.uint64(rows[i]) * n_32
            taken = np.uint32(long_product) >= floor_32
            rows[i] = np.uint32(long_product >> _32) if taken else np.uint32(0)
            kept = np.uint16(kept + np.uint16(taken))
    return counter, np.int64(size) - np.int64(kept)


def room_for_rows(words: NDArray[np.uint64], n: int) -> NDArray[Any]:
    """Return the view of `words` that `random_rows` draws from n rows into."""
    return words.view(np.uint16 if n <= _NARROW else np.uint32)
