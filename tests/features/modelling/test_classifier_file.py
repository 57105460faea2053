"""Stored classifiers: the same bytes, nothing that could run code, nobody's name."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import sklearn
from skops.io import dumps, get_untrusted_types

from extval.features.modelling.classifier_file import (
    from_bytes,
    read_classifier,
    to_bytes,
    write_classifier,
)
from extval.features.modelling.classifiers import CLASSIFIERS, TunedClassifier

SMALL = {
    "adaboost": {"n_estimators": [3]},
    "random-forest": {"n_estimators": [4]},
}


def fitted(name, *, smote=False):
    rng = np.random.default_rng(0)
    x = pd.DataFrame(
        rng.normal(size=(50, 3)), columns=["a", "b", "c"], index=[f"SECRET-{k}" for k in range(50)]
    )
    y = (x["a"].to_numpy() + rng.normal(size=50) > 0.6).astype(int)
    return TunedClassifier(name, smote=smote, grid=SMALL.get(name), repeats=1).fit(x, y), x


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("smote", [False, True])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_what_is_read_predicts_and_is_stored_alike(name, smote, tmp_path):
    model, x = fitted(name, smote=smote)
    path = tmp_path / "model.classifier"
    digest = write_classifier(model, path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    again = read_classifier(path, sha256=digest)
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    for attribute in (
        "best_params_", "tuning_table_", "notes_", "holds_patients_", "n_synthetic_", "n_folds_",
    ):  # fmt: skip
        assert getattr(again, attribute) == getattr(model, attribute)
    assert hasattr(again, "coef_") == hasattr(model, "coef_")
    # Records of a tree have gaps with whatever was in memory: a second writing must not differ.
    assert to_bytes(again) == path.read_bytes()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_no_patient_is_named_and_no_clock_is_read(name):
    model, _ = fitted(name)
    content = to_bytes(model)
    assert b"SECRET" not in content
    for archive in (content, members(content)["estimator.skops"]):
        with zipfile.ZipFile(io.BytesIO(archive)) as entries:
            assert {e.date_time for e in entries.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not set(get_untrusted_types(data=members(content)["estimator.skops"])) - {
        "sklearn.tree._tree.Tree"
    }


def test_feature_rows_are_in_the_file_only_where_it_says_so():
    """KNN holds all rows, SVM its support vectors; no other file has a row of that width."""
    for name in CLASSIFIERS:
        model, _ = fitted(name)
        inner = members(members(to_bytes(model))["estimator.skops"])
        arrays = [np.load(io.BytesIO(c)) for n, c in inner.items() if n.endswith(".npy")]
        rows = [a for a in arrays if a.ndim == 2 and a.shape[1] == 3 and a.shape[0] > 1]
        assert bool(rows) == model.holds_patients_


SCRIPT = """
import hashlib
from tests.features.modelling.test_classifier_file import CLASSIFIERS, fitted, to_bytes
junk = [bytearray(k * 37 % 4096 + 1) for k in range({junk})]
for name in CLASSIFIERS:
    print(name, hashlib.sha256(to_bytes(fitted(name, smote=True)[0])).hexdigest())
"""


def test_another_process_writes_the_same_bytes():
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(junk=20011)],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    here = "".join(
        f"{name} {hashlib.sha256(to_bytes(fitted(name, smote=True)[0])).hexdigest()}\n"
        for name in CLASSIFIERS
    )
    assert done.stdout == here


class Harmful:
    """Something that is no part of a classifier."""

    def __init__(self):
        self.value = 1


def doctored(schema_change=None, *, json_change=None, replacement=None):
    """Return a stored tree with its schema, its JSON or its whole estimator replaced."""
    outer = members(to_bytes(fitted("decision-tree")[0]))
    if json_change:
        outer["classifier.json"] = json.dumps(
            {**json.loads(outer["classifier.json"]), **json_change}
        ).encode()
    if replacement is not None:
        outer["estimator.skops"] = replacement
    if schema_change:
        inner = members(outer["estimator.skops"])
        schema = json.loads(inner["schema.json"])
        schema_change(schema)
        outer["estimator.skops"] = zipped({**inner, "schema.json": json.dumps(schema)})
    return zipped(outer)


def command(schema):
    schema["content"]["content"]["max_depth"] = {
        "__class__": "system", "__module__": "posix", "__loader__": "FunctionNode",
        "content": "posix.system", "__id__": 10**6,
    }  # fmt: skip


def trusted_type_by_another_loader(schema):
    schema["__loader__"] = "MethodNode"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: doctored(command), r"contains the type posix.system \(as FunctionNode\)"),
        (lambda: doctored(trusted_type_by_another_loader), r"\(as MethodNode\)"),
        (lambda: doctored(replacement=dumps(Harmful())), r"test_classifier_file.Harmful"),
        # scikit-learn's own, which skops would trust, but no classifier of ours.
        (
            lambda: doctored(replacement=dumps(sklearn.preprocessing.StandardScaler())),
            "sklearn.preprocessing._data.StandardScaler",
        ),
        (lambda: doctored(lambda s: s.pop("__loader__")), "its schema describes no object"),
        (lambda: doctored(json_change={"format": "extval classifier 9"}), "its format is"),
        (lambda: doctored(json_change={"sklearn": "0.1"}), "written with scikit-learn 0.1"),
        (lambda: doctored(json_change={"numbers": {}}), "is damaged"),
        (lambda: doctored(replacement=zipped({})), "`schema.json` in it is not JSON"),
        (lambda: doctored(replacement=b"x"), "not a readable zip"),
        (lambda: b"not a zip", "not a readable zip"),
        (lambda: zipped({"a": b""}), "and holds a"),
    ],
)
def test_doctored_files_are_refused(content, said):
    with pytest.raises(ValueError, match=said):
        from_bytes(content())


def test_a_file_that_is_not_the_named_one_is_refused(tmp_path):
    path = tmp_path / "svm.classifier"
    write_classifier(fitted("svm")[0], path)
    with pytest.raises(ValueError, match=r"svm.classifier: SHA-256 is .* the model names 000000"):
        read_classifier(path, sha256="0" * 64)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"svm.classifier: this is not a stored classifier"):
        read_classifier(path)


def test_an_unfitted_or_foreign_classifier_is_not_written():
    with pytest.raises(ValueError, match="is not fitted"):
        to_bytes(TunedClassifier())
    model, _ = fitted("decision-tree")
    model.estimator_ = sklearn.preprocessing.StandardScaler()
    with pytest.raises(ValueError, match="no classifier of this program contains"):
        to_bytes(model)
