"""Gaps in predictors: the development median, the most frequent text, nothing else changed."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from extval.features.modelling.clinical import ClinicalModel
from extval.features.modelling.predictor_gaps import filled, sentences, typical
from extval.features.modelling.regression import RegressionModel

TABLE = pd.DataFrame(
    {
        "age": [50.0, np.nan, 70.0, 64.0, 58.0, 61.0],
        "stage": ["T2", "T1", None, "T2", "T1", "T3"],
        "sex": list("fmfmfm"),
    },
    index=[f"P{i}" for i in range(6)],
)
Y = np.array([0, 1, 0, 1, 1, 0])


def test_what_is_typical():
    assert typical(TABLE) == {"age": 61.0, "stage": "T1", "sex": "f"}  # ties: the first in order


def test_only_gaps_are_filled():
    done = filled(TABLE, typical(TABLE))
    assert done.loc["P1", "age"] == 61.0
    assert done.loc["P2", "stage"] == "T1"
    known = TABLE.notna()
    assert (done[known] == TABLE)[known].all(axis=None) or done.where(known).equals(TABLE)
    assert TABLE["age"].isna().sum() == 1  # the table itself is as it was


def test_sentences_count():
    said = sentences(TABLE, typical(TABLE))
    assert said[0] == (
        "1 of 6 development patients had no age; 61 was filled in, the development median."
    )
    assert "T1 was filled in, the most frequent value" in said[1]
    assert len(said) == 2


def test_a_column_that_nobody_has_is_refused():
    with pytest.raises(ValueError, match="No patient has a value in column `age`"):
        typical(TABLE.assign(age=np.nan))


def test_a_model_is_that_of_the_filled_table():
    model = ClinicalModel(candidates=["age", "sex"], missing="development-median").fit(TABLE, Y)
    by_hand = RegressionModel(predictors=["age", "sex"]).fit(filled(TABLE, typical(TABLE)), Y)
    assert_allclose(model.model_.coef_, by_hand.coef_, rtol=1e-12)
    new = pd.DataFrame({"age": [np.nan], "sex": ["m"]}, index=["new"])
    expected = by_hand.linear_predictor(new.assign(age=61.0))
    assert_allclose(model.linear_predictor(new), expected, rtol=1e-12)
    assert any("1 of 6 development patients had no age" in c for c in model.cautions_)


def test_gaps_are_refused_unless_asked():
    with pytest.raises(ValueError, match="Column `age` has no value for patient P1"):
        ClinicalModel(candidates=["age"]).fit(TABLE, Y)
