"""The protocol file: both minimal forms, every default written out, errors with path and line."""

import pytest

from extval.validate import yaml_file
from extval.validate.errors import InputError
from extval.validate.protocol import BinaryProtocol, SurvivalProtocol, resolved

BINARY = """\
schema_version: 1
seed: 20240416
outcome: {column: y, name: Heart disease}
columns: {patient: patient, center: center, cohort: cohort}
models: {clinical: {probability: clinical}, combined: {probability: combined}}
thresholds: {rule: youden}
decision_curve: {from: 0.05, to: 0.80, step: 0.01}
"""
SURVIVAL = """\
schema_version: 1
seed: 20240416
outcome: {time: time, event: event, unit: years, horizons: [5], name: Recurrence-free survival}
columns: {patient: id, center: center, cohort: cohort}
models:
  full: {linear_predictor: lp_full, risk: {5: r_full}}
  nodal: {linear_predictor: lp_nodal, risk: {5: r_nodal}}
"""


def parse(tmp_path, text, model=BinaryProtocol):
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return yaml_file.parse(model, yaml_file.read_mapping(path), path)


@pytest.mark.parametrize(
    ("text", "model"), [(BINARY, BinaryProtocol), (SURVIVAL, SurvivalProtocol)]
)
def test_the_resolved_protocol_says_every_default_and_reads_back_the_same(tmp_path, text, model):
    protocol = parse(tmp_path, text, model)
    written = yaml_file.dump(resolved(protocol))
    assert "n_resamples: 1000" in written
    assert "confidence_level: 0.95" in written
    assert parse(tmp_path, written, model) == protocol
    assert yaml_file.dump(resolved(parse(tmp_path, written, model))) == written


def test_the_grid_has_both_ends_and_no_rounding_dirt(tmp_path):
    grid = parse(tmp_path, BINARY).decision_curve.thresholds()
    assert (grid[0], grid[-1], len(grid)) == (0.05, 0.8, 76)
    assert grid[9] == 0.14


def test_a_stated_threshold_is_a_rule(tmp_path):
    text = BINARY.replace("rule: youden", "value: 0.2")
    assert parse(tmp_path, text).thresholds.rule == "value"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 20240416", "seeds: 3", r"line 2, `seeds`: is not a known key; .*seed"),
        ("seed: 20240416", "seed: many", r"line 2, `seed`: .*integer; got 'many'"),
        ("seed: 20240416", "seed: true", r"line 2, `seed`: .*integer; got True"),
        ("column: y, ", "", r"line 3, `outcome\.column`: is missing"),
        ("{probability: clinical}", "{probabilty: c}", r"line 5, `models\.clinical\.probabilty`"),
        ("from: 0.05", "from: 0.9", r"line 7, `decision_curve`: `from` must be smaller than `to`"),
        ("rule: youden", "rule: best", r"line 6, `thresholds\.rule`"),
        ("rule: youden", "rule: sensitivity", "rule `sensitivity` needs `at`"),
        ("rule: youden", "rule: youden, at: 0.5", "rule `youden` takes no `at`"),
        ("rule: youden", "rule: youden, value: 0.5", "rule `youden` takes no `value`"),
        ("schema_version: 1", "schema_version: 2", r"line 1, `schema_version`"),
        ("schema_version: 1", "seed: 1", r"line 2: .*duplicate key"),
        ("schema_version: 1", "schema_version: [1", r"line \d: "),
        ("models: {", "comparisons: {reference: RS}\nmodels: {", "`RS` is not a model"),
    ],
)
def test_mistakes_are_named_by_path_and_line(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        parse(tmp_path, BINARY.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("risk: {5: r_full}", "risk: {4: r_full}", "risk at 4, which is not one of the horizons"),
        ("{linear_predictor: lp_nodal, risk: {5: r_nodal}}", "{}", "line 7, `models.nodal`: give"),
        ("horizons: [5]", "horizons: []", r"outcome\.horizons"),
        ("horizons: [5]", "horizons: [-5]", r"outcome\.horizons\.0"),
    ],
)
def test_mistakes_in_the_survival_form(tmp_path, old, new, message):
    with pytest.raises(InputError, match=message):
        parse(tmp_path, SURVIVAL.replace(old, new, 1), SurvivalProtocol)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_a_file_without_keys_is_refused(tmp_path, text):
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="must hold keys and values"):
        yaml_file.read_mapping(path)


def test_no_is_text_not_a_boolean(tmp_path):
    text = BINARY.replace("{column: y, ", "{column: no, ")
    assert parse(tmp_path, text).outcome.column == "no"
