"""The clinical model of a paper: predictors chosen beforehand, or by P values in two rounds."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags
from sklearn.utils.validation import check_is_fitted

from extval.features.modelling._likelihoods import (
    COX,
    LOGISTIC,
    JointTest,
    Outcome,
    likelihood_ratio,
    maximum,
    trouble,
    wald,
)
from extval.features.modelling.patients import LearnsFromPatients
from extval.features.modelling.predictor_gaps import RULES as GAPS
from extval.features.modelling.predictor_gaps import Fill, filled, sentences, typical
from extval.features.modelling.predictors import Declared, Predictor, learned, table_of
from extval.features.modelling.regression import KINDS, RegressionModel, of_kind, outcome_of
from extval.stats import _checks
from extval.stats._checks import FloatArray

PRESPECIFIED, TWO_ROUNDS = "prespecified", "univariate-then-multivariable"
RULES = (PRESPECIFIED, TWO_ROUNDS)
ELIMINATIONS = ("single-pass", "backward")
TESTS = ("likelihood-ratio", "wald")
FEW_EVENTS = 10  # events a coefficient below which a caution is given

SELECTION_CAUTION = (
    "The predictors were selected by P values. This is not recommended: coefficients and "
    "performance come out too large, intervals too narrow, and another sample would select others "
    "(Heinze, Wallisch & Dunkler 2018, doi:10.1002/bimj.201700067; Sun, Shook & Kay 1996, "
    "doi:10.1016/0895-4356(96)00025-X). Predictors specified beforehand from clinical knowledge "
    "are preferred (Steyerberg 2019, Clinical Prediction Models)."
)

Block = tuple[Predictor, FloatArray]


class ClinicalModel(LearnsFromPatients, BaseEstimator):  # type: ignore[misc]
    """Logistic or Cox model of clinical predictors, by a paper's rule of choosing them.

    Parameters
    ----------
    kind : {"logistic", "cox"}
    candidates : mapping, list of str, or None
        As `predictors` of `RegressionModel`.
    rule : {"prespecified", "univariate-then-multivariable"}
        All candidates; or those with ``P < univariate_p`` alone enter one multivariable model, and
        those with ``P < multivariable_p`` there are kept and fitted again.
    univariate_p, multivariable_p : float in (0, 1]
        Strict limits: P equal to the limit is out.
    elimination : {"single-pass", "backward"}
        In the multivariable model: one look at all P values, as in the papers; or the largest is
        taken out and the model fitted again until all are below the limit.
    test : {"likelihood-ratio", "wald"}
        A categorical predictor has one joint P value, so it is in or out as a whole.
    missing : {"refuse", "development-median"}
        What happens to a patient without a value: an error, or the median (of text, the most
        frequent value) of the patients that the model was fitted on. For tables only.
    ties, horizons, confidence_level, separation
        As of `RegressionModel`.

    Attributes
    ----------
    fills_ : dict of str to float or str
        What fills the gaps of each column; empty if gaps are refused.
    model_ : RegressionModel
        The final model; without predictors if none was selected.
    selected_ : tuple of str
        Its predictors.
    univariate_p_, multivariable_p_ : dict of str to float
        Joint P value of each candidate alone, and of those that entered the multivariable model
        in that model. NaN where the test is not defined. Empty for prespecified predictors.
    steps_ : tuple of (str, float)
        Predictors taken out of the multivariable model with their P values, in order.
    cautions_ : tuple of str
        What a reader must know of the way the predictors were chosen.
    sentence_ : str
        Why the model is the null model or not estimable; empty if all is well.
    classes_ : ndarray of shape (2,)
        Of a logistic model.

    Notes
    -----
    Agrees with R 4.2 ``glm`` and R survival 3.5.3 ``coxph`` in the likelihood-ratio and Wald P
    values to 1e-7, and so in the predictors.

    References
    ----------
    Heinze, Wallisch & Dunkler (2018), Biom J 60:431. :doi:`10.1002/bimj.201700067`

    Examples
    --------
    >>> import pandas as pd
    >>> x = pd.DataFrame({"size": [4, 12, 8, 15, 11, 6, 9, 13], "sex": list("mfmfmfmf")})
    >>> model = ClinicalModel(rule="univariate-then-multivariable", univariate_p=0.3)
    >>> model.fit(x, [0, 1, 1, 0, 1, 0, 0, 1]).selected_
    ()
    >>> {name: round(p, 3) for name, p in model.univariate_p_.items()}
    {'size': 0.295, 'sex': 1.0}
    """

    def __init__(
        self,
        kind: str = LOGISTIC,
        candidates: Declared = None,
        rule: str = PRESPECIFIED,
        *,
        univariate_p: float = 0.10,
        multivariable_p: float = 0.05,
        elimination: str = "single-pass",
        test: str = "likelihood-ratio",
        ties: str = "efron",
        horizons: Any = None,
        confidence_level: float = 0.95,
        separation: str = "undefined",
        missing: str = "refuse",
    ) -> None:
        self.kind = kind
        self.candidates = candidates
        self.rule = rule
        self.univariate_p = univariate_p
        self.multivariable_p = multivariable_p
        self.elimination = elimination
        self.test = test
        self.ties = ties
        self.horizons = horizons
        self.confidence_level = confidence_level
        self.separation = separation
        self.missing = missing

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Choose the predictors and fit the final model.

        Parameters
        ----------
        X : DataFrame or array_like of shape (n, columns)
        y : array_like of shape (n,)
            As of `RegressionModel`.

        Returns
        -------
        ClinicalModel

        Raises
        ------
        ValueError
            If a setting leaves its domain, or as `RegressionModel.fit`.
        """
        _checks.choice(self.kind, KINDS, name="kind")
        _checks.choice(self.rule, RULES, name="rule")
        _checks.choice(self.elimination, ELIMINATIONS, name="elimination")
        _checks.choice(self.test, TESTS, name="test")
        for name in ("univariate_p", "multivariable_p"):
            _checks.share(getattr(self, name), name=name)
        _checks.choice(self.missing, GAPS, name="missing")
        table, named = table_of(self, X, self.candidates, reset=True)
        gaps: list[str] = []
        self.fills_: dict[str, Fill] = {}
        if self.missing != "refuse":
            self.fills_ = typical(table)
            gaps = sentences(table, self.fills_)
            table = filled(table, self.fills_)
        candidates = learned(self.candidates, table, named=named)
        outcome, classes = outcome_of(self.kind, X, y, ties=self.ties)
        self._remember(X)
        if classes is not None:
            self.classes_ = classes
        blocks = [(p, p.columns(table, named=named)) for p in candidates]
        self._cautions = [*gaps, *_few_events(self.kind, outcome, blocks)]
        self.univariate_p_: dict[str, float] = {}
        self.multivariable_p_: dict[str, float] = {}
        self.steps_: tuple[tuple[str, float], ...] = ()
        self.sentence_ = ""
        kept = blocks
        if self.rule == TWO_ROUNDS:
            self._cautions.insert(0, SELECTION_CAUTION)
            kept = self._two_rounds(outcome, blocks)
        self.selected_ = tuple(p.name for p, _ in kept)
        self.model_ = self._regression([p for p, _ in kept]).fit(table, y)
        self.model_.patients_seen_ = self.patients_seen_
        self.sentence_ = f"{self.sentence_} {self.model_.sentence_}".strip()
        self.cautions_ = tuple(self._cautions)
        self._training = (table, y, {p.name: p for p in candidates})
        self._tables: dict[str, pd.DataFrame] = {}
        return self

    @property
    def univariate_table_(self) -> pd.DataFrame:
        """Each candidate alone: the rows of `RegressionModel.table_`, its joint P, and `kept`.

        Computed when first read. Empty for prespecified predictors.
        """
        return self._lazily("univariate", [[name] for name in self.univariate_p_])

    @property
    def multivariable_table_(self) -> pd.DataFrame:
        """The model of all that passed the first round, in the same columns.

        Computed when first read. Empty if none passed, and for prespecified predictors; the final
        model's table is ``model_.table_``.
        """
        entered = list(self.multivariable_p_)
        return self._lazily("multivariable", [entered] if entered else [])

    def linear_predictor(self, X: Any) -> FloatArray:  # noqa: N803
        """Return the linear predictor of the final model, shape (n,)."""
        return self._final().linear_predictor(self._known(X))

    @of_kind(LOGISTIC)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:  # noqa: N803
        """Return the probabilities of the two outcomes, shape (n, 2)."""
        return np.asarray(self._final().predict_proba(self._known(X)))

    @of_kind(LOGISTIC)  # type: ignore[untyped-decorator]
    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the more probable outcome, shape (n,); a tie is the event."""
        return np.asarray(self._final().predict(self._known(X)))

    @of_kind(COX)  # type: ignore[untyped-decorator]
    def survival(self, X: Any, horizons: ArrayLike | None = None) -> FloatArray:  # noqa: N803
        """Return the probability of no event up to each horizon, shape (n, horizons)."""
        return np.asarray(self._final().survival(self._known(X), horizons))

    @of_kind(COX)  # type: ignore[untyped-decorator]
    def risk(self, X: Any, horizons: ArrayLike | None = None) -> FloatArray:  # noqa: N803
        """Return the probability of an event up to each horizon, shape (n, horizons)."""
        return np.asarray(self._final().risk(self._known(X), horizons))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        if self.kind == LOGISTIC:
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _two_rounds(self, outcome: Outcome, blocks: list[Block]) -> list[Block]:
        """Return what both rounds keep; fill the P values, cautions and sentence."""
        for block in blocks:
            predictor, columns = block
            self.univariate_p_[predictor.name] = self._tested(outcome, [block])[0].p_value
            if np.isnan(self.univariate_p_[predictor.name]):
                why = _why(outcome, predictor, columns)
                self._cautions.append(
                    f"{predictor.name} could not be tested and was left out. {why}"
                )
        entered = [b for b in blocks if self.univariate_p_[b[0].name] < self.univariate_p]
        kept = entered
        if entered:
            kept = self._multivariable(outcome, entered)
        if not kept:
            lost = f"alone (P < {self.univariate_p:g})"
            if entered:
                lost = f"in the multivariable model (P < {self.multivariable_p:g})"
            says = "the baseline survival" if self.kind == COX else "the development event rate"
            self.sentence_ = (
                f"No candidate was significant {lost}: the model has no predictor and gives every "
                f"patient {says}."
            )
        return kept

    def _multivariable(self, outcome: Outcome, entered: list[Block]) -> list[Block]:
        tests = self._tested(outcome, entered)
        self.multivariable_p_ = {
            p.name: test.p_value for (p, _), test in zip(entered, tests, strict=True)
        }
        if np.isnan(tests[0].p_value):
            columns = np.concatenate([c for _, c in entered], axis=1)
            terms = [term for p, _ in entered for term in p.terms]
            why = trouble(outcome, columns, terms, maximum(outcome, columns).status)
            self._cautions.append(f"The multivariable model kept no predictor. {why}")
            return []
        kept = list(entered)
        while kept:
            values = [test.p_value for test in tests]
            out = [i for i, p in enumerate(values) if not p < self.multivariable_p]
            if self.elimination == "backward" and out:
                out = [int(np.argmax(values))]
            self.steps_ += tuple((kept[i][0].name, values[i]) for i in out)
            kept = [block for i, block in enumerate(kept) if i not in out]
            if not out or self.elimination == "single-pass":
                break
            tests = self._tested(outcome, kept) if kept else []
        return kept

    def _tested(self, outcome: Outcome, blocks: Sequence[Block]) -> list[JointTest]:
        """Return the joint test of each block in the model of all of them."""
        columns = np.concatenate([c for _, c in blocks], axis=1)
        best, tests, first = maximum(outcome, columns), [], 0
        for _, block in blocks:
            places = list(range(first, first + block.shape[1]))
            first += block.shape[1]
            if not places:
                tests.append(JointTest(statistic=np.nan, df=0, p_value=np.nan))
            elif self.test == "wald":
                tests.append(wald(best, places))
            else:
                tests.append(likelihood_ratio(outcome, columns, best, places))
        return tests

    def _regression(self, predictors: Sequence[Predictor]) -> RegressionModel:
        return RegressionModel(
            self.kind,
            {p.name: p.setting for p in predictors},
            ties=self.ties,
            horizons=self.horizons,
            confidence_level=self.confidence_level,
            separation=self.separation,
        )

    def _lazily(self, which: str, models: list[list[str]]) -> pd.DataFrame:
        check_is_fitted(self, "model_")
        if which not in self._tables:
            table, y, known = self._training
            joint = getattr(self, f"{which}_p_")
            after = self.multivariable_p_ if which == "univariate" else self.selected_
            parts = [self._regression([]).fit(table, y).table_]
            parts[0].insert(0, "predictor", [])
            for names in models:
                model = self._regression([known[name] for name in names]).fit(table, y)
                part = model.table_.copy()
                owners = [name for name in names for _ in known[name].terms]
                part.insert(0, "predictor", owners)
                parts.append(part)
            rows = [row for part in parts for row in part.to_dict("records")]
            found = pd.DataFrame(rows, columns=list(parts[0].columns))
            found["joint_p"] = [joint[name] for name in found["predictor"]]
            found["kept"] = [name in after for name in found["predictor"]]
            self._tables[which] = found
        return self._tables[which]

    def _final(self) -> RegressionModel:
        check_is_fitted(self, "model_")
        return self.model_

    def _known(self, x: Any) -> Any:
        """Return `x` as the final model reads it; a table needs only the selected columns."""
        if isinstance(x, pd.DataFrame) and self.candidates is not None:
            return filled(x, self.fills_)
        return table_of(self, x, self.candidates, reset=False)[0]


def _why(outcome: Outcome, predictor: Predictor, columns: FloatArray) -> str:
    if not predictor.terms:
        return "Not estimable: all patients have the same value."
    return trouble(outcome, columns, predictor.terms, maximum(outcome, columns).status)


def _few_events(kind: str, outcome: Outcome, blocks: Sequence[Block]) -> list[str]:
    """Return the caution that there are too many candidate coefficients, if there are."""
    events = int(np.count_nonzero(outcome.event))
    if kind == LOGISTIC:
        events = min(events, outcome.event.size - events)
    coefficients = sum(columns.shape[1] for _, columns in blocks)
    if not coefficients or events >= FEW_EVENTS * coefficients:
        return []
    what = "patients in the smaller outcome group" if kind == LOGISTIC else "events"
    return [
        f"There are {events} {what} for {coefficients} candidate coefficients "
        f"({events / coefficients:.1f} each): the model is at risk of overfitting, and its "
        "optimism must be corrected by repeating every step of its development in resamples."
    ]
