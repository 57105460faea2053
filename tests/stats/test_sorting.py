"""The fast stable order is the stable order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from extval.stats import _sorting
from extval.stats._sorting import stable_order, stable_orders

any_number = st.floats(allow_nan=False)
edges = st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-310, 1.0, 1.0 + 2.0**-52, 1e308, -1e308])
near_one = st.integers(-40, 40).map(lambda steps: 1.0 + steps * 2.0**-52)


def assert_stable(x):
    """Check one row of values, alone and beside another, against NumPy."""
    wanted = np.argsort(x, kind="stable")
    assert_array_equal(stable_order(x), wanted)
    order, repeats = stable_orders(np.stack([x, -x]))
    assert_array_equal(order, [wanted, np.argsort(-x, kind="stable")])
    ascending = x[order[0]]
    assert_array_equal(repeats[0, 1:], ascending[1:] == ascending[:-1])
    assert not repeats[:, :1].any()


@given(
    st.one_of(
        st.lists(any_number, max_size=300),
        st.lists(any_number, max_size=300, unique=True),
        st.lists(st.one_of(edges, near_one), max_size=300),
        st.lists(st.integers(-4, 4), max_size=60),
        st.lists(st.one_of(any_number, edges, near_one), max_size=60),
    ),
    st.booleans(),
)
def test_order_is_the_stable_order(values, short):
    """In 32 bits, which small samples use, and in 64, which large ones do."""
    with pytest.MonkeyPatch.context() as patch:
        if not short:
            patch.setattr(_sorting, "_SHORT", -1)
        assert_stable(np.array(values, dtype=np.float64))


RNG = np.random.default_rng(1)
CLUSTER = 1.0 + RNG.integers(0, 2**20, 4999) * 2.0**-52
MANY = {
    "spread": RNG.normal(size=30_000),
    "tied": np.round(RNG.normal(size=5000), 1),
    "skewed": np.exp(3 * RNG.normal(size=16_000)),
    "largest in 32 bits": RNG.normal(size=2**14),
    "narrow": CLUSTER,
    "narrow with an outlier": np.append(CLUSTER, -1e300),
    "narrow with an infinite outlier": np.append(CLUSTER, -np.inf),
    "far from zero with a zero": np.append(1000.0 + RNG.random(4999), 0.0),
    "beneath the leading 64 bits": np.append(
        1.0 + RNG.integers(0, 512, 20_000) * 2.0**-52, [-1e300, 0.0]
    ),
    "denormal": RNG.integers(-(2**40), 2**40, 3000) * 5e-324,
    "denormal with an outlier": np.append(RNG.integers(-(2**40), 2**40, 3000) * 5e-324, 1.0),
    "all magnitudes": RNG.normal(size=9000) * 2.0 ** RNG.integers(-1000, 1000, 9000),
    "zeros of both signs": RNG.choice([0.0, -0.0, 1.0], 300),
    "descending": np.arange(300.0)[::-1],
    "constant": np.zeros(100),
}


@pytest.mark.parametrize("x", MANY.values(), ids=MANY.keys())
def test_order_of_many(x):
    assert_stable(x)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_smallest_sizes(n):
    assert_stable(np.zeros(n))
