"""`extval.stats.multiplicity` against the definitions; R's `p.adjust` is in test_screening."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from extval.stats.multiplicity import benjamini_hochberg, holm

P = st.lists(st.one_of(st.just(np.nan), st.integers(0, 20).map(lambda k: k / 20)), max_size=9)


def by_definition(p, method):
    """Return, for each test, the least level at which the procedure as published rejects it."""
    tested = sorted(v for v in p if not np.isnan(v))
    m = len(tested)
    out = []
    for v in p:
        if np.isnan(v):
            out.append(np.nan)
        elif method is holm:  # each earlier step must reject too
            out.append(min(1, max((m - j) * u for j, u in enumerate(tested) if u <= v)))
        else:  # a later step may take it along
            out.append(min(1, *(m * u / (j + 1) for j, u in enumerate(tested) if u >= v)))
    return out


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@given(P)
def test_matches_the_definition(adjust, p):
    assert_allclose(adjust(p), by_definition(p, adjust), rtol=1e-15)


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
@given(P, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_ranks_are_kept(adjust, p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    p = np.array(p)
    adjusted = adjust(p)
    assert_array_equal(adjust(p[order]), adjusted[order])
    known = ~np.isnan(p)
    assert (adjusted[known] >= p[known] * (1 - 1e-15)).all()
    assert (np.diff(adjusted[known][np.argsort(p[known])]) >= 0).all()
    assert (benjamini_hochberg(p)[known] <= holm(p)[known] * (1 + 1e-15)).all()


@pytest.mark.parametrize("adjust", [holm, benjamini_hochberg])
def test_edges(adjust):
    assert adjust([]).size == 0
    assert_array_equal(adjust([0.3]), [0.3])
    assert_array_equal(adjust([np.nan, 0.3]), [np.nan, 0.3])
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]; 1 of 2"):
        adjust([0.3, 1.1])
