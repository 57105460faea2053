"""The study file that `extval init` writes: every part once, with comments, to be cut down."""

from extval.validate.errors import InputError

KINDS = ("binary", "survival")

_OUTCOME = {
    "binary": """\
outcome:
  column: event                # 0 or 1
  name: Distant metastasis
""",
    "survival": """\
outcome:
  time: months                 # follow-up
  event: event                 # 1 for the event, 0 for censored
  unit: months
  horizons: [12, 36, 60]       # when risks are predicted and judged
  name: Progression-free survival
""",
}

_MODEL = {
    "binary": "lasso: {family: logistic, rule: min, folds: 10}   # or linear; or classifier: {}",
    "survival": "lasso: {family: cox, rule: min, folds: 5}",
}

_JUDGED = {
    "binary": "thresholds: {rule: youden}      # learned on development, then frozen\n",
    "survival": "risk_groups: {rule: median}     # learned on development, then frozen\n",
}

_TEXT = """\
# A study for `extval run FILE --out results`. Paths are relative to this file.
# Every key and its default: docs/study-file.md.
schema_version: 1
title: External validation of a radiomics nomogram
seed: 20240416

# One row a patient: patient, center, cohort (development | validation), outcome, predictors.
clinical: {{table: clinical.csv}}
columns: {{patient: patient, center: center, cohort: cohort}}
{outcome}
# Features that `extval extract` wrote; readings are repeated delineations of some patients.
feature_tables:
  table: features.csv
  # readings:
  #   R2: {{table: features_R2.csv, kind: inter}}        # another reader
  #   R1b: {{table: features_R1b.csv, kind: intra}}      # the same reader again
# Or from images (then without feature_tables):
# images: {{manifest: manifest.csv}}
# features:
#   handcrafted: {{preset: ct-1834}}
#   deep: {{network: resnet18, weights: {{file: resnet18.pth, sha256: ...}}}}

# Learned on development patients, and again inside every fold.
preparation:
  # reliability: {{form: "ICC(2,1)", keep: estimate, above: 0.75}}
  missing: {{max_share: 0.2, rule: impute}}
  # harmonisation: {{batch: scanner, new_batch: none}}     # none | refuse | estimate
  selection: {{method: mrmr, k: 25}}

models:
  RS:
    signature:
      features: [handcrafted]
      {model}
  # DLRS:
  #   signature: {{features: [handcrafted, deep]}}
  clinical:
    clinical:
      predictors:
        size_gt_10: {{column: size_cm, above: 10}}
        # grade: {{column: grade, categorical: true, reference: G1}}
      # selection: {{univariate_p: 0.1, multivariable_p: 0.05}}    # the papers' way; a caution
  DLRN:
    combined: {{signature: RS, clinical: clinical}}

internal_validation: {{folds: 10, predictions: out-of-fold, optimism_resamples: 0}}
{judged}bootstrap: {{n_resamples: 1000}}
"""


def template(kind: str) -> str:
    """Return the text of a commented study file for an outcome of a kind.

    Raises
    ------
    InputError
        If the kind is unknown.
    """
    if kind not in KINDS:
        raise InputError(f"--kind {kind!r} is unknown; choose one of {', '.join(KINDS)}.")
    return _TEXT.format(outcome=_OUTCOME[kind], model=_MODEL[kind], judged=_JUDGED[kind])
