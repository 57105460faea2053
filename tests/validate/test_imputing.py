"""Imputation of predictors learns from development patients alone."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from extval.validate.imputing import impute_chained, impute_development_median

KINDS = ["continuous", "continuous", "categorical"]


@pytest.fixture
def tables():
    rng = np.random.default_rng(2)

    def draw(n, share):
        x = rng.normal(size=n)
        full = np.column_stack(
            [x, 2 + 1.5 * x + rng.normal(0, 0.3, n), (x + rng.normal(0, 1, n) > 0) + 0.0]
        )
        gappy = full.copy()
        gappy[rng.random(full.shape) < share] = np.nan
        return full, gappy

    return draw(300, 0.05), draw(120, 0.1)


def test_the_median_is_that_of_the_development_patients(tables):
    (_, development), (_, external) = tables
    found = impute_development_median(development, external + 100, kinds=["continuous"] * 3)
    middle = [np.median(column[~np.isnan(column)]) for column in development.T]
    for table, filled in ((development, found.development), (external + 100, found.external)):
        wanted = np.where(np.isnan(table), middle, table)
        assert_array_equal(filled, wanted[np.newaxis])


def test_observed_cells_stay_and_none_is_missing(tables):
    (_, development), (_, external) = tables
    found = impute_chained(development, external, kinds=KINDS, rng=np.random.default_rng(1))
    for table, filled in ((development, found.development), (external, found.external)):
        assert not np.isnan(filled).any()
        known = ~np.isnan(table)
        assert (filled[:, known] == table[known]).all()
        assert set(np.unique(filled[..., 2])) <= {0.0, 1.0}


def test_imputations_follow_the_share_of_incomplete_patients(tables):
    (full, development), (_, external) = tables
    found = impute_chained(development, external, kinds=KINDS, rng=np.random.default_rng(1))
    shares = [np.isnan(t).any(axis=1).mean() for t in (development, external)]
    assert_allclose([found.incomplete_development, found.incomplete_external], shares)
    assert len(found.external) == np.ceil(100 * max(shares) - 1e-9) > 5
    none = impute_chained(full, full[:4], kinds=KINDS, rng=np.random.default_rng(1))
    assert len(none.external) == 1
    few = full.copy()
    few[0, 0] = np.nan
    assert len(impute_chained(few, full, kinds=KINDS, rng=np.random.default_rng(1)).external) == 5


def test_external_patients_teach_nothing(tables):
    (_, development), (_, external) = tables
    options = {"kinds": KINDS, "n_imputations": 4}
    first = impute_chained(development, external, rng=np.random.default_rng(9), **options)
    wild = np.where(np.isnan(external[:30]), np.nan, external[:30] * [50, -50, 1])
    second = impute_chained(development, wild, rng=np.random.default_rng(9), **options)
    assert_array_equal(first.development, second.development)
    again = impute_chained(development, external, rng=np.random.default_rng(9), **options)
    assert_array_equal(first.external, again.external)


def test_the_draws_are_near_the_truth_and_differ(tables):
    (_, development), (full, external) = tables
    found = impute_chained(development, external, kinds=KINDS, rng=np.random.default_rng(1))
    gaps = np.isnan(external[:, 1]) & ~np.isnan(external[:, 0])
    error = found.external[:, gaps, 1] - full[gaps, 1]
    assert abs(error.mean()) < 0.2
    assert 0.2 < error.std() < 0.7  # the noise of the equation, twice
    assert (found.external[:, gaps, 1].std(axis=0) > 0).all()


def test_an_unknown_category_is_an_error(tables):
    (_, development), (_, external) = tables
    external[0, 2] = 7.0
    with pytest.raises(ValueError, match="7"):
        impute_chained(development, external, kinds=KINDS, rng=np.random.default_rng(1))
