"""The replicate generator against its published definition and its promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from extval.stats._kernels_roc import count_rows, sum_levels
from extval.stats._resampling import (
    WORDS_AT_ONCE,
    first_counter,
    first_state,
    next_word,
    replicate_key,
    resample_counts,
    resample_counts_strata,
    room_for_rows,
)
from tests.oracles import resampling as oracle

words = st.integers(0, 2**64 - 1)


@given(words, st.integers(0, 2**40), st.integers(1, 40))
def test_counts_are_those_of_the_published_generators(key, b, n):
    counts = np.empty(n, np.int64)
    resample_counts(np.uint64(key), b, counts)
    assert_array_equal(counts, np.bincount(oracle.resample(key, b, [n])[0], minlength=n))


@given(words, st.integers(0, 1000), st.lists(st.integers(0, 12), min_size=1, max_size=4))
def test_strata_are_resampled_within_themselves(key, b, sizes):
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    counts = np.empty(offsets[-1], np.int32)
    resample_counts_strata(np.uint64(key), b, offsets, counts)
    for j, rows in enumerate(oracle.resample(key, b, sizes)):
        block = counts[offsets[j] : offsets[j + 1]]
        assert_array_equal(block, np.bincount(rows, minlength=sizes[j]))


@given(words, st.integers(0, 2**40), st.sampled_from([1, 2, 3, 40, 1021, 3000, 2**14, 2**14 + 3]))
def test_rows_by_the_block_are_those_of_the_published_generator(key, b, n):
    """Counted from the first stratum, and summed from the second."""
    counts, values = np.empty(n, np.int32), np.arange(n, dtype=np.int32)
    room = np.empty(WORDS_AT_ONCE, np.uint64)
    rows = room_for_rows(room, n)
    counter = count_rows(np.uint64(first_counter(np.uint64(key), b)), counts, room, rows)
    total = sum_levels(np.uint64(counter), values, values + 7, room, rows)
    first, second = oracle.resample_in_rounds(key, b, [n, n])
    assert_array_equal(counts, np.bincount(first, minlength=n))
    assert total == sum(second) + 7 * n


@pytest.mark.parametrize("n", [10, 3000, 2**14 + 3])
def test_every_row_of_a_block_is_equally_likely(n):
    n_resamples = 400_000 // n
    key = replicate_key(np.random.default_rng(3))
    room = np.empty(WORDS_AT_ONCE, np.uint64)
    total, counts = np.zeros(n, np.int64), np.empty(n, np.int32)
    for b in range(n_resamples):
        count_rows(np.uint64(first_counter(key, b)), counts, room, room_for_rows(room, n))
        assert counts.sum() == n
        total += counts
    chi_square = ((total - n_resamples) ** 2 / n_resamples).sum()
    df = n - 1
    assert abs(chi_square - df) < 4 * (2 * df) ** 0.5


def test_generator_words_match_the_reference_sequence():
    state = first_state(np.uint64(7), 3)
    source = oracle.xoshiro256pp([int(word) for word in state])
    for _ in range(50):
        word, *state = next_word(*map(np.uint64, state))
        assert int(np.uint64(word)) == next(source)


def test_first_words_of_splitmix64():
    """The first outputs for seed 1234567, as printed in the published test vectors."""
    words = oracle.splitmix64(1234567)
    assert [next(words) for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_replicates_differ_and_are_repeatable():
    key = replicate_key(np.random.default_rng(1))
    drawn = np.empty((50, 30), np.int64)
    again = np.empty(30, np.int64)
    for b in range(50):
        resample_counts(key, b, drawn[b])
    resample_counts(key, 17, again)
    assert_array_equal(again, drawn[17])
    assert len({row.tobytes() for row in drawn}) == 50


def test_every_row_is_equally_likely():
    n, n_resamples = 10, 4000
    key = replicate_key(np.random.default_rng(2))
    total = np.zeros(n, np.int64)
    counts = np.empty(n, np.int64)
    for b in range(n_resamples):
        resample_counts(key, b, counts)
        total += counts
    chi_square = ((total - n_resamples) ** 2 / n_resamples).sum()
    assert chi_square < 27.9  # P = 0.001 at 9 degrees of freedom


def test_key_is_the_only_draw():
    rng, other = np.random.default_rng(5), np.random.default_rng(5)
    key = replicate_key(rng)
    assert isinstance(key, np.uint64)
    other.integers(2**64 - 1, dtype=np.uint64, endpoint=True)
    assert rng.bit_generator.state == other.bit_generator.state


@pytest.mark.parametrize("n", [0, 1])
def test_smallest_sizes(n):
    counts = np.full(n, 9)
    resample_counts(np.uint64(1), 0, counts)
    assert_array_equal(counts, np.ones(n))
