"""The fast stable order is the stable order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from extval.stats._sorting import stable_order


@given(st.lists(st.integers(-4, 4), max_size=60))
def test_ties_keep_their_order(values):
    x = np.array(values, dtype=float)
    assert_array_equal(stable_order(x), np.argsort(x, kind="stable"))


@given(st.lists(st.floats(allow_nan=False), max_size=300, unique=True))
def test_without_ties_there_is_one_order(values):
    x = np.array(values, dtype=float)
    assert_array_equal(stable_order(x), np.argsort(x, kind="stable"))
