"""Tables about learned models of a made-up study, as `Results.modelling` holds them."""

from dataclasses import replace
from functools import cache
from math import isnan, nan

from extval.reports.index import Index
from tests.reports.factory import binary_results, survival_results

LONG = "A__log-sigma-1-0-mm-3D_gldm_LargeDependenceHighGrayLevelEmphasis"
OTHER, THIRD = "PVP__original_shape_Flatness", "A__resnet18_avgpool_002"
SEPARATED = "Not estimable: the outcomes are perfectly separated."
ORDER = (
    {"event": "development outcomes read", "patients": "70"},
    {"event": "model locked", "model": "RS", "sha256": "0123456789abcdef" * 4},
    {"event": "model locked", "model": "clinical", "sha256": "fedcba9876543210" * 4},
    {"event": "external patients predicted", "model": "RS", "patients": "60"},
    {"event": "external outcomes read"},
)


def by_column(*rows):
    """Return rows, mappings with the same keys, by columns."""
    return {key: [row[key] for row in rows] for key in rows[0]}


def rows_of(names, *lines):
    """Return lines of cells by columns."""
    return by_column(*(dict(zip(names.split(), line, strict=True)) for line in lines))


def ratio(model, term, value, note=""):
    """Return a row of a regression; NaN throughout for an undefined one."""
    return {
        "model": model,
        "term": term,
        "coefficient": value,
        "se": value / 2,
        "ratio": 2 * value,
        "wald_lower": value,
        "wald_upper": 3 * value,
        "profile_lower": 1.1 * value,
        "profile_upper": 3.3 * value,
        "wald_p": nan if isnan(value) else 0.04,
        "likelihood_ratio_p": nan if isnan(value) else 0.03,
        "note": note,
    }


def tables():
    """Return what a run of two signatures, a clinical and a combined model leaves."""
    chosen = {"predictor": "grade", "joint_p": 0.2, "kept": True}
    large = {"predictor": "large", "joint_p": 0.01, "kept": True}
    age = {"predictor": "age", "joint_p": 0.6, "kept": False}
    return {
        "steps": rows_of(
            "model step features",
            ("RS", "(given)", 1316),
            ("RS", "reliability", 900),
            ("RS", "mrmr", 3),
            ("RS", "model", 2),
            ("DLRS", "(given)", 2340),
            ("DLRS", "screen", 1),
        ),
        "selection": rows_of(
            "model rank feature score",
            ("RS", 1, LONG, 5.0),
            ("RS", 2, OTHER, 4.0),
            ("RS", 3, THIRD, 3.0),
        ),
        "screen": rows_of(
            "model name coefficient se statistic p p_adjusted kept note",
            ("DLRS", THIRD, 0.3, 0.1, 9.0, 0.0027, 0.0054, True, ""),
            ("DLRS", OTHER, 0.0, 0.1, 0.0, 1.0, 1.0, False, ""),
        ),
        "reliability": rows_of(
            "model feature comparison form subjects estimate lower upper p_value kept note",
            ("RS", LONG, "inter: B", "ICC(2,1)", 30, 0.91, 0.8, 0.95, 0.0, True, ""),
            ("RS", OTHER, "inter: B", "ICC(2,1)", 30, nan, nan, nan, nan, False, SEPARATED),
            ("RS", LONG, "intra: A2", "ICC(2,1)", 25, 0.97, 0.9, 0.99, 0.0, True, ""),
            ("RS", OTHER, "intra: A2", "ICC(2,1)", 25, 0.42, 0.3, 0.6, 0.0, False, ""),
        ),
        "formula": rows_of(
            "model output term coefficient",
            ("RS", "score", "(intercept)", -0.25),
            ("RS", "score", LONG, 0.5),
            ("RS", "score", OTHER, -1.0 / 3.0),
            ("clinical", "score", "(intercept)", 0.0),
            ("clinical", "score", "large", -1.5),
            ("DLRN", "RS", "(intercept)", -0.25),
            ("DLRN", "RS", LONG, 0.5),
            ("DLRN", "RS", OTHER, -1.0 / 3.0),
            ("DLRN", "score", "(intercept)", 1.0),
            ("DLRN", "score", "RS", 2.0),
        ),
        "notes": {"model": ["RS"], "sentence": ["The LASSO kept 2 of 3 features."]},
        "lasso_cv": rows_of(
            "model lambda measure mean se nonzero mark chosen",
            ("RS", 0.4, "deviance", 1.3, 0.1, 0, "1se", False),
            ("RS", 0.2, "deviance", 1.25, 0.1, 1, "min", True),
            ("RS", 0.1, "deviance", 1.27, 0.1, 2, "", False),
        ),
        "lasso_path": rows_of(
            "model feature lambda coefficient",
            *(("RS", LONG, x, b) for x, b in ((0.4, 0.0), (0.2, 0.5), (0.1, 0.6))),
            *(("RS", OTHER, x, b) for x, b in ((0.4, 0.0), (0.2, 0.0), (0.1, -0.1))),
        ),
        "lasso_frequency": rows_of(
            "model feature frequency", ("RS", LONG, 1.0), ("RS", THIRD, 0.2)
        ),
        "candidates": rows_of(
            "model classifier smote mean sd worse worse_standard_error "
            "within_one_standard_error chosen",
            ("DLRS", "logistic", False, 0.7, 0.01, 0.02, 0.03, True, True),
            ("DLRS", "random-forest", True, 0.72, nan, 0.0, 0.0, True, False),
        ),
        "univariate": by_column(
            ratio("clinical", "large", 1.5) | large,
            ratio("clinical", "grade=G2", 1.2) | chosen,
            ratio("clinical", "grade=G3", 1.3) | chosen,
            ratio("clinical", "age", nan, SEPARATED) | age,
        ),
        "multivariable": by_column(
            ratio("clinical", "large", 1.4) | large,
            ratio("clinical", "grade=G2", 1.1) | chosen,
            ratio("clinical", "grade=G3", 1.0) | chosen,
        ),
        "ratios": by_column(
            ratio("clinical", "large", 1.5),
            ratio("DLRN", "RS", 2.0),
            ratio("DLRN", "grade=G2", nan, SEPARATED),
        ),
        "nomogram": rows_of(
            "model predictor value points",
            ("DLRN", "RS", -1.0, 0.0),
            ("DLRN", "RS", 0.5, 75.0),
            ("DLRN", "RS", 1.0, 100.0),
            ("DLRN", "large", "\u2264 10", 0.0),
            ("DLRN", "large", "> 10", 25.0),
        ),
        "nomogram_effects": rows_of(
            "model predictor value label effect slope",
            ("DLRN", "RS", -1.0, "", -2.0, 2.0),
            ("DLRN", "RS", 0.5, "", 1.0, 2.0),
            ("DLRN", "RS", 1.0, "", 2.0, 2.0),
            ("DLRN", "large", 0.0, "\u2264 10", 0.0, 1.0),
            ("DLRN", "large", 1.0, "> 10", 1.0, 1.0),
        ),
        "nomogram_scale": rows_of(
            "model intercept lp_low lp_high horizon baseline_survival",
            ("DLRN", 1.0, -1.0, 4.0, None, None),
        ),
        "internal": rows_of(
            "model predictions used folds metric estimate lower upper method note",
            ("RS", "apparent", False, 0, "auc", 0.79, 0.68, 0.9, "Mann-Whitney; DeLong", ""),
            ("RS", "out-of-fold", True, 10, "auc", 0.57, 0.43, 0.7, "Mann-Whitney; DeLong", ""),
            ("clinical", "apparent", False, 0, "auc", nan, nan, nan, "Mann-Whitney", SEPARATED),
        ),
        "audit": rows_of(
            "model step purpose fits patients_min patients_max external_seen held_out_seen",
            *(("RS", step, "locked model", 1, 70, 70, 0, 0) for step in ("combat", "mrmr")),
            *(("RS", step, "cross-validation", 3, 46, 47, 0, 0) for step in ("combat", "mrmr")),
            ("clinical", "regression", "locked model", 1, 70, 70, 0, 0),
            ("DLRN", "regression", "locked model", 1, 70, 70, 0, 0),
        ),
        "shift": rows_of(
            "model feature development_low development_high development_median n missing "
            "external_median standardised_mean_shift share_outside unit_suspect note",
            ("RS", LONG, 1.0, 5.0, 3.0, 60, 0, 3.0, 0.1, 0.02, "", ""),
            ("RS", OTHER, 0.0, 1.0, 0.5, 60, 0, 0.8, 0.75, 0.05, "", ""),
            ("DLRN", OTHER, 0.0, 1.0, 0.5, 60, 0, 0.8, 0.75, 0.05, "", ""),
            ("clinical", "size", 2.1, 5.2, 3.2, 58, 2, 289.6, 9.0, 1.0, "Check the unit.", ""),
            ("clinical", "age", 2.1, 2.1, 2.1, 0, 60, nan, nan, nan, "", "No patient has it."),
        ),
    }


def learned(*, survival=False, without=(), **changes):
    """Return the index of results that have these tables."""
    base = _base(survival=survival)
    kept = {kind: table for kind, table in (tables() | changes).items() if kind not in without}
    provenance = {**base.provenance, "order": list(ORDER)}
    return Index(replace(base, modelling=kept, provenance=provenance))


@cache
def _base(*, survival):
    return survival_results() if survival else binary_results()
