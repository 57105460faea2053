"""The study file: what it takes, what it refuses, and the page that describes it."""

from pathlib import Path

import pytest

from extval.validate import study_reference
from extval.validate.errors import InputError
from extval.validate.study_file import preparation_of, read_run
from extval.validate.study_template import KINDS, template

PAGE = Path(__file__).parents[2] / "docs" / "study-file.md"
HEAD = """\
schema_version: 1
clinical: {table: c.csv}
outcome: {column: y}
"""
TABLES = "feature_tables: {table: f.csv}\n"


def read(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return read_run(path)


def test_the_reference_page_is_the_generated_one():
    assert PAGE.read_text(encoding="utf-8") == study_reference.page(), (
        "run: python -m extval.validate.study_reference > docs/study-file.md"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_template_is_a_study_file(tmp_path, kind):
    study = read(tmp_path, template(kind))
    assert list(study.models) == ["RS", "clinical", "DLRN"]


def test_a_signature_may_say_otherwise_than_the_study(tmp_path):
    text = (
        HEAD + TABLES + "preparation: {correlation_above: 0.9, selection: {k: 15}}\n"
        "models: {RS: {signature: {preparation: {selection: {method: none}}}}}\n"
    )
    study = read(tmp_path, text)
    found = preparation_of(study, study.models["RS"].plan)
    assert found.selection.method == "none"
    assert found.correlation_above == 0.9


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD, "`models`: is missing"),
        (HEAD + "models: {RS: {signature: {}}}\n", "there are neither `images` nor"),
        (HEAD + TABLES + "models: {RS: {}}\n", "give `signature`, `clinical` or `combined`"),
        (HEAD + TABLES + "models: {RS: {signature: {lasso: {rule: max}}}}\n", "line 5"),
        (
            HEAD + TABLES + "models: {RS: {signature: {lasso: {}, classifier: {}}}}\n",
            "give `lasso` or `classifier`, one of the two",
        ),
        (
            HEAD + TABLES + "models: {N: {combined: {signature: RS, clinical: C}}}\n",
            "needs the signature model `RS`, which is not there",
        ),
        (
            HEAD + "models: {C: {clinical: {predictors: {a: {column: a, above: 1, "
            "categorical: true}}}}}\n",
            "a categorical column has no cut `above`",
        ),
        (
            HEAD + "images: {manifest: m.csv}\nmodels: {C: {clinical: {predictors: "
            "{a: {column: a}}}}}\n",
            "`images` and `features` go together",
        ),
        (HEAD.replace("column: y", "name: y") + TABLES, "`outcome`: give `column`"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, sentence):
    with pytest.raises(InputError) as error:
        read(tmp_path, text)
    assert sentence in str(error.value)
    assert "study.yaml" in str(error.value)


def test_classifiers_need_a_binary_outcome(tmp_path):
    text = HEAD.replace("{column: y}", "{time: t, event: e, horizons: [1]}") + TABLES
    with pytest.raises(InputError, match="classifiers are for a 0/1 outcome"):
        read(tmp_path, text + "models: {RS: {signature: {classifier: {}}}}\n")
