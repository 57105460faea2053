"""`extval.features.modelling.combat` against its definition, R sva, its invariances and edges."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from extval.features.modelling.combat import ComBat, batch_effect
from extval.features.modelling.outcome import survival
from tests.oracles import combat as oracle

SVA = json.loads((Path(__file__).parents[2] / "reference" / "combat.json").read_text())
TABLES = {table["id"]: table for table in SVA["tables"]}
OPTIONS = ("parametric", "mean_only", "reference", "covariates")


def table_of(x, batch, **columns):
    x = np.asarray(x, float)
    table = pd.DataFrame(x, columns=[f"f{j}" for j in range(x.shape[1])])
    table.index = pd.Index([f"p{i}" for i in range(len(x))])
    return table.assign(scanner=list(batch), **columns)


def made(sizes=(9, 7, 5), p=12, seed=1):
    rng = np.random.default_rng(seed)
    batch = rng.permutation(np.repeat(list("ABCDEFG")[: len(sizes)], sizes))
    shift = {b: rng.normal(0, 1.5, p) for b in sorted(set(batch))}
    stretch = {b: np.exp(rng.normal(0, 0.4, p)) for b in sorted(set(batch))}
    age = rng.normal(60, 9, len(batch)).round(1)
    x = rng.normal(size=(len(batch), p)) * np.exp(rng.normal(size=p)) + rng.normal(0, 9, p)
    x = np.array([row * stretch[b] + shift[b] for row, b in zip(x, batch, strict=True)])
    sex = rng.permutation(np.resize(["f", "m"], len(batch)))
    return table_of(x + 0.05 * age[:, None], batch, age=age, sex=sex)


def fitted(table, **options):
    columns = [c for c in table if c.startswith("f")]
    used = [*columns, "scanner", *options.get("covariates", ())]
    return ComBat("scanner", **options).fit(table[used]), table[used]


def harmonised(table, **options):
    step, used = fitted(table, **options)
    return step.transform(used)


@pytest.mark.parametrize("case", SVA["cases"], ids=lambda case: case["id"])
def test_agrees_with_sva(case):
    data = TABLES[case["data"]]
    table = table_of(np.array(data["x"]).T, data["batch"], age=data["age"], stage=data["stage"])
    options = {name: case[name] for name in OPTIONS if name in case}
    got = harmonised(table, **options)
    assert_allclose(got, np.array(case["harmonised"]).T, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("reference", [None, "B"])
@pytest.mark.parametrize("covariates", [(), ("age", "sex")])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"parametric": False},
        {"mean_only": True},
        {"mean_only": True, "parametric": False},
        {"empirical_bayes": False},
        {"empirical_bayes": False, "mean_only": True},
    ],
    ids=str,
)
def test_matches_the_definition(options, covariates, reference):
    table = made()
    step, used = fitted(table, covariates=covariates, reference=reference, **options)
    design = np.c_[table.age, table.sex == "m"] if covariates else None
    x = table.filter(regex="^f").to_numpy()
    out, location, scale = oracle.combat(
        x, list(table.scanner), design, reference=reference, **options
    )
    assert_allclose(step.transform(used), out, rtol=1e-11)
    for name in "ABC":
        assert_allclose(step.location_[name], location[name], rtol=1e-9, atol=1e-12)
        assert_allclose(step.scale_[name], scale[name], rtol=1e-11)


@st.composite
def small_tables(draw):
    """Draw heavily tied integers, 2 or 3 batches of at least 2 patients."""
    sizes = draw(st.lists(st.integers(2, 5), min_size=2, max_size=3))
    p, n = draw(st.integers(2, 5)), sum(sizes)
    cells = draw(st.lists(st.integers(-3, 3), min_size=n * p, max_size=n * p))
    batch = draw(st.permutations(np.repeat(list("ABC")[: len(sizes)], sizes).tolist()))
    return table_of(np.array(cells).reshape(n, p), batch)


options = st.fixed_dictionaries(
    {
        "parametric": st.booleans(),
        "mean_only": st.booleans(),
        "empirical_bayes": st.booleans(),
        "reference": st.sampled_from([None, "B"]),
    }
)


def stays_defined(table, how):
    """Leave out what decides a comparison by rounding: locations of zero, and one feature."""
    step, _ = fitted(table, **{**how, "empirical_bayes": False})
    used = [f not in step.unchanged_ for f in step.features_]
    found = np.array([step.location_[b][used] for b in step.batches_ if b != how["reference"]])
    assume(sum(used) > 1 and np.abs(found).min() > 1e-6)


@given(small_tables(), options)
def test_integers_match_the_definition(table, how):
    stays_defined(table, how)
    if how["empirical_bayes"] and how["parametric"] and not how["mean_only"]:
        plain = fitted(table, **{**how, "empirical_bayes": False})[0]
        used = [f not in plain.unchanged_ for f in plain.features_]
        spread = [np.ptp(plain.scale_[b][used]) for b in plain.batches_ if b != how["reference"]]
        assume(min(spread) > 1e-6)  # equal variances are a prior of one point, tested below
    x = table.filter(regex="^f").to_numpy()
    wanted = oracle.combat(x, list(table.scanner), **how)[0]
    assert_allclose(harmonised(table, **how), wanted, rtol=1e-9, atol=1e-9)


@settings(max_examples=25)
@given(small_tables(), options, st.randoms(use_true_random=False))
def test_order_of_patients_and_features_does_not_matter(table, how, random):
    stays_defined(table, how)
    rows, columns = list(range(len(table))), list(range(table.shape[1] - 1))
    random.shuffle(rows)
    random.shuffle(columns)
    shuffled = table.iloc[rows, [*columns, table.shape[1] - 1]]
    wanted = harmonised(table, **how)[rows][:, columns]
    assert_allclose(harmonised(shuffled, **how), wanted, rtol=1e-9, atol=1e-9)


@settings(max_examples=25)
@given(small_tables(), options, st.sampled_from([0.25, 8.0]), st.integers(-5, 5))
def test_unit_and_origin_of_a_feature_do_not_matter(table, how, unit, origin):
    stays_defined(table, how)
    moved = table.assign(f0=unit * table.f0 + origin)
    wanted = harmonised(table, **how)
    wanted[:, 0] = unit * wanted[:, 0] + origin
    assert_allclose(harmonised(moved, **how), wanted, rtol=1e-9, atol=1e-9)


@settings(max_examples=25)
@given(small_tables(), st.integers(-1000, 1000))
def test_a_constant_added_to_one_batch_is_removed(table, shift):
    plain = {"mean_only": True, "empirical_bayes": False, "reference": "A"}
    assume("f1" not in fitted(table, **plain)[0].unchanged_)
    moved = table.copy()
    moved.loc[moved.scanner == "B", "f1"] += shift
    assert_allclose(harmonised(moved, **plain), harmonised(table, **plain), atol=1e-10)


@given(small_tables(), options)
def test_the_reference_batch_keeps_its_values(table, how):
    how["reference"] = "B"
    rows = (table.scanner == "B").to_numpy()
    assert_array_equal(harmonised(table, **how)[rows], table.filter(regex="^f").to_numpy()[rows])


@given(small_tables(), options, st.data())
def test_a_row_alone_becomes_what_it_became_among_the_others(table, how, data):
    step, used = fitted(table, **how)
    row = data.draw(st.integers(0, len(table) - 1))
    assert_array_equal(step.transform(used.iloc[[row]])[0], step.transform(used)[row])


@given(small_tables(), st.integers(-(10**6), 10**6))
@settings(max_examples=20)
def test_external_patients_change_no_parameter(table, value):
    step, used = fitted(table, new_batch="estimate")
    frozen = json.dumps(
        {k: v for k, v in vars(step).items() if k != "estimated_from_"}, default=str
    )
    before = step.transform(used)
    external = used.assign(scanner="Z", f0=np.linspace(value, 3 * value + 1, len(used)))
    step.transform(external)
    assert step.estimated_from_ == {"Z": len(used)}
    step.estimate_batch(external)
    step.with_batch("Z", external)
    after = json.dumps({k: v for k, v in vars(step).items() if k != "estimated_from_"}, default=str)
    assert after == frozen
    assert_array_equal(step.transform(used), before)
    both = step.transform(pd.concat([used, external]))[: len(used)]
    assert_array_equal(both, before)


@pytest.mark.parametrize("covariates", [(), ("age", "sex")])
@pytest.mark.parametrize("how", [{}, {"parametric": False}, {"mean_only": True}], ids=str)
@pytest.mark.parametrize("reference", [None, "B"])
def test_a_batch_estimated_anew_is_the_batch_learned(how, covariates, reference):
    step, used = fitted(made(), covariates=covariates, reference=reference, **how)
    location, scale = step.estimate_batch(used[used.scanner == "A"])
    assert_allclose(location, step.location_["A"], rtol=1e-9, atol=1e-11)
    assert_allclose(scale, step.scale_["A"], rtol=1e-10)


def test_a_new_batch_is_estimated_from_its_rows_and_frozen():
    development, external = made(seed=1), made(sizes=(6,), seed=2).assign(scanner="Z")
    step, used = fitted(development, covariates=("age",))
    external = external[used.columns]
    with pytest.raises(ValueError, match=r"Batch 'Z' was not in the development.*6 patients.*'p0'"):
        step.transform(external)
    extended = step.with_batch("Z", external)
    estimating = clone(step).set_params(new_batch="estimate").fit(used)
    assert_array_equal(extended.transform(external), estimating.transform(external))
    assert extended.estimated_from_ == estimating.estimated_from_ == {"Z": 6}
    assert extended.n_per_batch_["Z"] == 6 and "Z" not in step.n_per_batch_
    assert any("'Z' has 6 patients" in caution for caution in extended.cautions_)
    assert_array_equal(extended.transform(external.iloc[[3]])[0], extended.transform(external)[3])
    # By hand: standardised with development's numbers, then the oracle's posterior.
    expected = step.grand_mean_ + np.outer(external.age, step.covariate_coefficients_[0])
    z = (external.filter(regex="^f").to_numpy() - expected) / step.pooled_sd_
    g, d = oracle._posterior(z, parametric=True, mean_only=False, empirical_bayes=True)
    assert_allclose(extended.location_["Z"], g, rtol=1e-11)
    assert_allclose(extended.scale_["Z"], np.sqrt(d), rtol=1e-11)
    assert estimating.transform(used).shape == (21, 12) and estimating.estimated_from_ == {}


def test_some_of_the_features_are_enough_for_a_new_batch():
    step, _ = fitted(made())
    external = made(sizes=(8,), seed=3).drop(columns=["age", "sex", "scanner"])
    some = ["f7", "f2", "f5"]
    place = [7, 2, 5]
    location, scale = step.estimate_batch(external[some])
    wanted = batch_effect(
        external[some].to_numpy(),
        expected=step.grand_mean_[place],
        pooled_sd=step.pooled_sd_[place],
    )
    assert_array_equal([location, scale], wanted)
    with pytest.raises(ValueError, match="'f0' of the development is not in the table; 9 are"):
        step.with_batch("Z", external[some])


def test_one_feature_of_a_new_batch_is_not_shrunken():
    location, scale = batch_effect([[1.0], [2.0], [6.0]], expected=[1.0], pooled_sd=[2.0])
    assert_allclose([location[0], scale[0]], [1.0, np.std([1, 2, 6], ddof=1) / 2])


def test_m_combat_is_the_unshrunken_reference_but_for_a_divisor():
    table = made()
    ours = harmonised(table, reference="B", empirical_bayes=False)
    x, batch = table.filter(regex="^f").to_numpy(), table.scanner.to_numpy()
    ref = x[batch == "B"]
    for b in "AC":
        z = (x[batch == b] - x[batch == b].mean(axis=0)) / x[batch == b].std(axis=0, ddof=1)
        assert_allclose(ours[batch == b], ref.mean(axis=0) + z * ref.std(axis=0), rtol=1e-11)


def test_without_shrinkage_batches_end_with_one_mean_and_variance():
    table = made()
    out, batch = harmonised(table, empirical_bayes=False), table.scanner.to_numpy()
    means = [out[batch == b].mean(axis=0) for b in "ABC"]
    sds = [out[batch == b].std(axis=0, ddof=1) for b in "ABC"]
    assert_allclose(means[1:], [means[0]] * 2, rtol=1e-12)
    assert_allclose(sds[1:], [sds[0]] * 2, rtol=1e-12)


def test_flat_features_are_left_alone():
    table = made().assign(f1=0.1, f4=lambda t: t.f4.where(t.scanner != "B", 3.3))
    table["f6"] = 3.0 * table.age - 7
    step, used = fitted(table, covariates=("age",))
    assert step.unchanged_ == ("f1", "f4", "f6")
    out = pd.DataFrame(step.transform(used), columns=step.get_feature_names_out())
    for name in step.unchanged_:
        assert_array_equal(out[name], table[name])
    others = [c for c in table.filter(regex="^f") if c not in step.unchanged_]
    alone = harmonised(table[[*others, "scanner", "age"]], covariates=("age",))
    assert_array_equal(out[others], alone)
    new = made(sizes=(5,), seed=4).assign(scanner="Z", f2=5.5)
    location, scale = step.estimate_batch(new[used.columns])
    untouched = [1, 2, 4, 6]
    assert_array_equal(location[untouched], [0] * 4)
    assert_array_equal(scale[untouched], [1] * 4)
    assert_array_equal(step.with_batch("Z", new[used.columns]).transform(new)[:, 2], [5.5] * 5)


def test_everything_flat_and_equal_variances_stay_defined():
    table = table_of([[1, 5], [1, 5], [2, 5], [2, 5]], "AABB")
    assert_array_equal(harmonised(table), [[1, 5], [1, 5], [2, 5], [2, 5]])
    # sva divides by the variance of the variances, which is zero here
    table = table_of([[0, 9], [2, 11], [5, 3], [7, 5]], "AABB")
    step, used = fitted(table)
    assert_allclose(step.scale_["A"], np.sqrt([2.0, 2.0]))
    assert np.isfinite(step.transform(used)).all()
    one = fitted(table[["f0", "scanner"]])[0]
    assert any("Only one feature" in caution for caution in one.cautions_)


def test_labels_may_be_numbers_and_output_a_table():
    table = made()
    text = fitted(table)[0]
    numbered = table.assign(scanner=table.scanner.map({"A": 1.0, "B": 2.0, "C": 3.0}))
    step, used = fitted(numbered)
    assert step.batches_ == ("1", "2", "3") and text.batches_ == ("A", "B", "C")
    assert_array_equal(step.transform(used), text.transform(table))
    whole = numbered.assign(scanner=numbered.scanner.astype(int))
    assert_array_equal(step.transform(whole), text.transform(table))
    framed = clone(step).set_output(transform="pandas").fit(used)
    out = framed.transform(used)
    assert list(out.columns) == list(step.features_) and list(out.index) == list(used.index)
    assert framed.patients_seen_ == tuple(used.index)
    assert framed.n_features_in_ == 13 and list(framed.feature_names_in_) == list(used.columns)
    loose = used.astype(object)  # what comes out of a step that also passed text through
    assert_array_equal(clone(step).fit(loose).transform(loose), step.transform(used))


def test_covariates_by_kind():
    table = made().assign(smoker=lambda t: (t.age > 60) ^ (t.sex == "m"))
    step, used = fitted(table, covariates=["age", "sex", "smoker"])
    assert step.covariate_terms_ == ("age", "sex=m", "smoker=True")
    assert step.covariate_levels_ == {"sex": ("f", "m"), "smoker": ("False", "True")}
    assert step.covariate_coefficients_.shape == (3, 12)
    coded = table.assign(sex=pd.Categorical(table.sex, ["m", "f"]), smoker=table.smoker * 1.0)
    again, recoded = fitted(coded, covariates=["age", "sex", "smoker"])
    assert_allclose(again.transform(recoded), step.transform(used), rtol=1e-11)
    with pytest.raises(ValueError, match=r"'sex' is 'x' for patient 'p0'; development knew f, m"):
        step.transform(used.assign(sex="x"))


def outcomes(table):
    y = np.resize([0, 1], len(table))
    return y, survival(np.arange(1.0, len(table) + 1) ** 1.5, y)


def test_the_outcome_is_no_covariate():
    table = made()
    y, times = outcomes(table)
    leaks = {
        "same": y,
        "turned": 1 - y,
        "words": np.where(y == 1, "dead", "alive"),
        "coded": y * 3 + 2,
    }
    for name, values in leaks.items():
        leaking = table.drop(columns=["age", "sex"]).assign(**{name: values})
        for outcome in (y, times, y == 1, pd.Series(y)):
            with pytest.raises(ValueError, match=f"Covariate '{name}' is the outcome itself"):
                ComBat("scanner", covariates=[name]).fit(leaking, outcome)
    months = table.drop(columns=["age", "sex"]).assign(months=times["time"] / 12)
    with pytest.raises(ValueError, match="Covariate 'months' is the outcome itself"):
        ComBat("scanner", covariates=["months"]).fit(months, times)
    for outcome in (y, times):  # an honest covariate passes
        ComBat("scanner", covariates=["age", "sex"]).fit(table, outcome)


def test_batch_and_outcome():
    table = made().drop(columns=["age", "sex"])
    separate = (table.scanner == "A").astype(int)
    with pytest.raises(ValueError, match="Batch and outcome are confounded: every batch has one"):
        ComBat("scanner").fit(table, separate)
    partly = separate.where(table.scanner != "B", np.resize([0, 1], len(table)))
    step = ComBat("scanner").fit(table, partly)
    said = [c for c in step.cautions_ if "same outcome" in c]
    assert ["'A'" in said[0], "'C'" in said[1], len(said)] == [True, True, 2]
    step = ComBat("scanner").fit(table, survival(np.ones(len(table)), partly))
    assert [c for c in step.cautions_ if "same outcome" in c] == said
    assert not any("same" in c for c in ComBat("scanner").fit(table, 0 * partly).cautions_)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"scanner": "A"}, {}, "All patients are of batch 'A'"),
        ({"scanner": ["A"] * 20 + ["B"]}, {}, "Batch 'B' has one patient"),
        ({"scanner": [None] + ["A", "B"] * 10}, {}, "no label for 1 of 21 patients, first 'p0'"),
        ({"scanner": ["A", "B"] * 10 + [""]}, {}, "no label for 1 of 21 patients, first 'p20'"),
        ({"f3": [np.nan] + [1.0, 2] * 10}, {}, "column 'f3' must be finite; patient 'p0' has nan"),
        ({"f3": [1.0, np.inf] * 10 + [2]}, {}, "'f3' must be finite; patient 'p1' has inf"),
        ({"f3": "tall"}, {}, "Feature column 'f3' holds text"),
        ({}, {"covariates": ["height"]}, "no column 'height', a covariate"),
        ({}, {"covariates": "age"}, "must be a list of column names"),
        ({}, {"covariates": ["scanner"]}, "must be distinct columns other than the batch"),
        ({}, {"covariates": ["age"], "outcome": "age"}, "outcome 'age' may be neither batch nor"),
        ({}, {"outcome": "scanner"}, "outcome 'scanner' may be neither batch nor"),
        ({}, {"outcome": "f0"}, "outcome 'f0' is among the columns of X"),
        ({}, {"reference": "Q"}, "reference batch 'Q' is not in the table, which has A, B, C"),
        ({}, {"new_batch": "guess"}, "`new_batch` must be one of"),
        ({"age": 50.0}, {"covariates": ["age"]}, "'age' has the same value in all patients"),
        ({"age": np.nan}, {"covariates": ["age"]}, "'age' has the same value in all patients"),
        ({"age": [np.nan] + [1.0, 2] * 10}, {"covariates": ["age"]}, "'age' must be finite"),
        ({"sex": [None] + ["f", "m"] * 10}, {"covariates": ["sex"]}, "'sex' has no label for 1"),
        (
            {"age": lambda t: (t.scanner == "A") * 1.0},
            {"covariates": ["age"]},
            "Covariate and batch are confounded",
        ),
        (
            {"height": lambda t: 2 * t.age + 1},
            {"covariates": ["age", "height"]},
            "'age', 'height' determine each other",
        ),
    ],
)
def test_what_it_refuses(change, options, message):
    table = made().assign(**change)
    columns = [c for c in table if c.startswith("f")]
    named = options.get("covariates", [])
    named = [] if isinstance(named, str) else named
    meta = dict.fromkeys(["scanner", *(c for c in named if c in table)])
    with pytest.raises(ValueError, match=message):
        ComBat("scanner", **options).fit(table[[*columns, *meta]])


def test_what_else_it_refuses():
    table = made().drop(columns=["age", "sex"])
    with pytest.raises(ValueError, match=r"ComBat takes a DataFrame.*got ndarray"):
        ComBat("scanner").fit(np.ones((4, 2)))
    with pytest.raises(ValueError, match="no column 'site', which holds the batch"):
        ComBat("site").fit(table)
    with pytest.raises(ValueError, match="no feature column"):
        ComBat("scanner").fit(table[["scanner"]])
    with pytest.raises(ValueError, match="Column 'f0' occurs twice"):
        ComBat("scanner").fit(table[["f0", "f0", "scanner"]])
    with pytest.raises(ValueError, match="`y` must have one outcome a patient, 21; got 2"):
        ComBat("scanner").fit(table, [0, 1])
    step = ComBat("scanner", new_batch="estimate").fit(table)
    new = table.assign(scanner="Z")
    with pytest.raises(ValueError, match="Batch 'Z' has 1 patient;"):
        step.transform(new.iloc[:1])
    with pytest.raises(ValueError, match=r"must be of one new batch.*has 3: A, B, C"):
        step.estimate_batch(table)
    with pytest.raises(ValueError, match="Column 'g' is no feature that ComBat was fitted on"):
        step.estimate_batch(new.assign(g=1.0))
    with pytest.raises(ValueError, match="Batch 'A' is known already"):
        step.with_batch("A", new)
    with pytest.raises(ValueError, match="patients are of batch 'Z', not 'Y'"):
        step.with_batch("Y", new)
    with pytest.raises(ValueError, match="'f2' of the development is not in the table"):
        step.transform(table.drop(columns="f2"))
    with pytest.raises(ValueError, match="need at least 2 patients"):
        batch_effect([[1.0]], expected=[0.0], pooled_sd=[1.0])
    with pytest.raises(ValueError, match="`x`"):
        batch_effect([[1.0], [np.nan]], expected=[0.0], pooled_sd=[1.0])


def test_parameters_and_clone():
    step = ComBat("scanner", covariates=["age"], reference="A")
    assert clone(step).get_params() == step.get_params()
    with pytest.raises(Exception, match="not fitted"):
        step.transform(made())
