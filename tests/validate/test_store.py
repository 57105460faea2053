"""The store: what is written is read back the same, and its views say the same."""

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extval.stats import Estimate, Interval, SignificanceTest, Status
from extval.validate import store
from extval.validate.store import MetricRow, ModelRow, Results
from extval.validate.tidy_table import columns_csv, rows_csv

WHERE = {"cohort": "validation", "center": "all", "role": "validation", "model": "RS"}


def results(metrics=(), curves=None):
    return Results(
        kind="binary",
        title="Zürich & 北京 <5",
        protocol={"seed": 1},
        cohorts=(),
        models=(ModelRow(name="RS", columns={"probability": "RS"}, threshold=0.25),),
        metrics=tuple(metrics),
        comparisons=(),
        curves=curves or {},
    )


def estimate(value, **changes):
    given = {"se": 0.1, "interval": Interval(0.1, 0.2, 0.95), "method": "m", "n": 5, "events": 2}
    return Estimate(value=value, **(given | changes))


@given(st.floats())
def test_numbers_come_back_to_the_last_bit(value):
    row = store.metric_row(estimate(value), metric="auc", **WHERE)
    back = store.from_json(store.to_json(results([row])), source="x").metrics[0]
    assert back == row
    assert (back.estimate is None) == math.isnan(value)


def test_not_estimable_is_an_empty_cell_with_a_sentence():
    nothing = estimate(
        math.nan, se=math.nan, interval=Interval.undefined(0.95), status=Status.ONE_CLASS
    )
    row = store.metric_row(nothing, metric="auc", note="One more thing.", **WHERE)
    found = next(csv.DictReader(io.StringIO(rows_csv(store.MetricRow, results([row]).metrics))))
    assert (found["estimate"], found["se"], found["lower"], found["upper"]) == ("", "", "", "")
    assert found["note"] == f"{Status.ONE_CLASS.value} One more thing."


def test_the_columns_are_the_contract():
    header = rows_csv(store.MetricRow, ()).strip()
    assert header == (
        "cohort,center,role,model,metric,horizon,threshold,estimate,se,lower,upper,level,method,"
        "n,events,note"
    )
    assert rows_csv(store.ComparisonRow, ()).strip() == (
        "cohort,center,metric,horizon,model_a,model_b,difference,se,lower,upper,statistic,df,"
        "p_value,p_adjusted,adjustment,method,n,events,note"
    )


def test_a_test_becomes_statistic_df_and_p():
    chi2 = SignificanceTest(statistic=3.0, df=2.0, p_value=0.2, method="m", n=9, events=3)
    rows = store.significance_rows(chi2, metric="hosmer_lemeshow", **WHERE)
    assert [(r.metric, r.estimate) for r in rows] == [
        ("hosmer_lemeshow", 3.0),
        ("hosmer_lemeshow_df", 2.0),
        ("hosmer_lemeshow_p", 0.2),
    ]


@pytest.mark.parametrize("statistic", [1.0, math.nan])
def test_the_reference_of_a_test_says_whether_it_has_degrees_of_freedom(statistic):
    def names(reference):
        found = SignificanceTest(
            statistic=statistic, p_value=statistic, method="m", n=9, events=3, reference=reference
        )
        return [row.metric for row in store.significance_rows(found, metric="s", **WHERE)]

    assert names("normal") == names("own") == ["s", "s_p"]
    assert names("chi-square") == ["s", "s_df", "s_p"]


def test_curves_with_infinite_thresholds_come_back():
    found = results(curves={"roc": {"model": ["RS", "RS"], "threshold": [math.inf, 0.5]}})
    back = store.from_json(store.to_json(found), source="x")
    assert back.curves == found.curves
    assert columns_csv(found.curves["roc"]) == "model,threshold\nRS,inf\nRS,0.5\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "r.json is not valid JSON"),
        ("[]", "has schema 'list'"),
        ('{"schema": "extval-results/0"}', "has schema 'extval-results/0'; this version"),
        ('{"schema": "extval-results/1"}', "does not follow schema"),
    ],
)
def test_a_foreign_file_is_refused(text, message):
    with pytest.raises(store.StoreError, match=message):
        store.from_json(text, source="r.json")


def test_rows_are_frozen():
    row = store.metric_row(estimate(0.5), metric="auc", **WHERE)
    with pytest.raises(AttributeError):
        row.estimate = 0.6
    assert isinstance(row, MetricRow)
